import { ManualClock, SystemClock } from './clock.js'

test('the system clock never goes back when the machine clock does', () => {
  const clock = new SystemClock()
  const real = Date.now
  try {
    Date.now = () => 2_000
    expect(clock.now()).toBe(2_000)
    Date.now = () => 1_000
    expect(clock.now()).toBe(2_000)
    Date.now = () => 3_000
    expect(clock.now()).toBe(3_000)
  } finally {
    Date.now = real
  }
})

test('the manual clock moves only when told', () => {
  const clock = new ManualClock(10)
  clock.advance(5)
  expect(clock.now()).toBe(15)
})
