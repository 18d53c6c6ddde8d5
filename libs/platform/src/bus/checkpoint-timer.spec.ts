import { CheckpointTimer } from './checkpoint-timer.js'

let stored: number[]
let timer: CheckpointTimer
beforeEach(() => {
  jest.useFakeTimers()
  stored = []
  const began = performance.now()
  timer = new CheckpointTimer(() => {
    timer.stop()
    stored.push(performance.now() - began)
  })
})
afterEach(() => jest.useRealTimers())

test('what is done is stored within a minute, however much comes meanwhile', () => {
  timer.start()
  jest.advanceTimersByTime(59_000)
  timer.start()
  expect(stored).toEqual([])
  jest.advanceTimersByTime(1_000)
  expect(stored).toEqual([60_000])
  expect(timer.runs).toBe(false)
})

test('for a minute after partitions have moved it is stored within half a second, what was done before too', () => {
  timer.start()
  jest.advanceTimersByTime(1_000)
  timer.hurry()
  jest.advanceTimersByTime(500)
  expect(stored).toEqual([1_500])
  jest.advanceTimersByTime(59_000)
  timer.start()
  jest.advanceTimersByTime(500)
  expect(stored).toEqual([1_500, 61_000])
  timer.start()
  jest.advanceTimersByTime(59_000)
  expect(stored).toHaveLength(2)
})

test('where nothing is done, a move stores nothing', () => {
  timer.hurry()
  jest.advanceTimersByTime(120_000)
  expect(stored).toEqual([])
})

test('what could not be stored is tried again soon, also where something else waits for its minute', () => {
  timer.start()
  timer.startAgain()
  jest.advanceTimersByTime(500)
  expect(stored).toEqual([500])
})
