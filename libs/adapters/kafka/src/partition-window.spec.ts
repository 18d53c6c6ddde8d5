import type { KafkaMessage } from 'kafkajs'
import { keptFor, PartitionWindow } from './partition-window.js'

const record = (offset: number, bytes = 10): KafkaMessage => ({ offset: String(offset), value: Buffer.alloc(bytes) }) as KafkaMessage
const records = (from: number, to: number, bytes?: number) => Array.from({ length: to - from }, (_, i) => record(from + i, bytes))
const offsets = (window: PartitionWindow, from: number) => window.from(from).map(({ offset }) => Number(offset))
const few = { now: 0, windows: 16 }

const windowOf = (...chunks: readonly (readonly KafkaMessage[])[]): PartitionWindow => {
  const window = new PartitionWindow('events', 0, 0)
  window.live = true
  for (const chunk of chunks) window.add(chunk, few)
  return window
}

test('what was asked for comes from the offset on, over several answers of the broker', () => {
  const window = windowOf(records(0, 3), records(3, 5), records(5, 6))
  expect([0, 2, 3, 4, 6].map((from) => offsets(window, from))).toEqual([[0, 1, 2, 3, 4, 5], [2, 3, 4, 5], [3, 4, 5], [4, 5], []])
  expect([-1, 0, 6, 7].map((offset) => window.has(offset))).toEqual([false, true, true, false])
})

test('offsets that a compacted topic has lost are no gap', () => {
  const window = windowOf([record(1), record(4)], [record(9)])
  expect([2, 5].map((from) => offsets(window, from))).toEqual([[4, 9], [9]])
})

test('nobody gets anything before the broker has been asked for what comes next', () => {
  const window = windowOf(records(0, 3))
  window.live = false
  expect(window.has(1)).toBe(false)
})

test.each<[string, number, number, number]>([
  ['more than 500 records', 10, 16, 500],
  ['more than 256 KiB', 4 * 1024, 16, 60],
  ['its share, where a process reads very many partitions', 1024, 512, 60],
])('%s are not kept, whole answers of the broker at a time', (_, bytes, windows, most) => {
  const window = windowOf()
  for (let from = 0; from < 1000; from += 20) window.add(records(from, from + 20, bytes), { now: 0, windows })
  expect([window.end - window.base, window.end, offsets(window, window.base).length]).toEqual([most, 1000, most])
  expect([window.base - 1, window.base].map((offset) => window.has(offset))).toEqual([false, true])
})

test('the newest answer is kept, however large', () => {
  expect(offsets(windowOf(records(0, 3), records(3, 6, 1024 * 1024)), 3)).toEqual([3, 4, 5])
})

test('nothing is kept for longer than its time, also where nothing more comes', () => {
  const window = windowOf(records(0, 3))
  window.add(records(3, 5), { now: 1_000, windows: 16 })
  window.forget(keptFor)
  expect(offsets(window, 0)).toEqual([0, 1, 2, 3, 4])
  window.forget(keptFor + 1)
  expect([window.base, offsets(window, 3)]).toEqual([3, [3, 4]])
  window.forget(keptFor + 1_001)
  expect([window.base, window.end, window.has(4), window.has(5), window.waitsSince(3)]).toEqual([5, 5, false, true, Infinity])
  window.add(records(5, 6), { now: 90_000, windows: 16 })
  expect([window.base, offsets(window, 5)]).toEqual([5, [5]])
})

test('since when somebody waits is when the first record came that they have not got', () => {
  const window = windowOf(records(0, 3))
  window.add(records(3, 5), { now: 1_000, windows: 16 })
  expect([0, 2, 3, 5].map((offset) => window.waitsSince(offset))).toEqual([0, 0, 1_000, Infinity])
})
