import { Positions } from './positions.js'

beforeEach(() => {
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

/** Positions of a partition that another copy works on, and when what is stored was looked at, in milliseconds since the wait began. */
const waiting = async () => {
  const looks: number[] = []
  const started = performance.now()
  let stored = 0
  const read = async () => {
    looks.push(performance.now() - started)
    return stored
  }
  const positions = new Positions(read, true)
  await positions.of('notes', 0)
  looks.length = 0
  let reached = false
  void positions.passed('notes', 0, 5).reached.then(() => (reached = true))
  return { looks, reached: () => reached, store: (seq: number) => (stored = seq) }
}

test('whoever waits is told soon after another copy has stored it', async () => {
  const { looks, reached, store } = await waiting()
  await jest.advanceTimersByTimeAsync(300)
  expect(looks[0]).toBeLessThanOrEqual(20)
  for (const [i, at] of looks.entries()) if (i > 0) expect(at - (looks[i - 1] as number)).toBeLessThanOrEqual(51)
  store(5)
  await jest.advanceTimersByTimeAsync(51)
  expect(reached()).toBe(true)
})

test('the longer the wait, the rarer the looks, but never rarer than a second', async () => {
  const { looks, reached, store } = await waiting()
  await jest.advanceTimersByTimeAsync(60_000)
  const between = (from: number, to: number) => looks.filter((at) => at >= from && at < to).length
  expect(between(9_000, 10_000)).toBeLessThanOrEqual(3)
  expect(between(50_000, 60_000)).toBeGreaterThanOrEqual(9)
  expect(between(50_000, 60_000)).toBeLessThanOrEqual(11)
  store(5)
  await jest.advanceTimersByTimeAsync(1_001)
  expect(reached()).toBe(true)
})
