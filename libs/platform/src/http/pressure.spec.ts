import { EventEmitter } from 'node:events'
import { until } from '../testing/until.js'
import { Pressure } from './pressure.js'

describe('pressure', () => {
  let pressure: Pressure
  afterEach(() => pressure.close())

  it('says stop at the limit of requests in flight, and go when one has ended, however it ended', () => {
    pressure = new Pressure({ inFlight: 2, loopDelay: 60_000 })
    const [first, second] = [new EventEmitter(), new EventEmitter()]
    pressure.enter(first)
    expect([pressure.inFlight, pressure.overloaded()]).toEqual([1, false])
    pressure.enter(second)
    expect([pressure.inFlight, pressure.overloaded()]).toEqual([2, true])
    first.emit('close')
    first.emit('close')
    expect([pressure.inFlight, pressure.overloaded()]).toEqual([1, false])
  })

  it('says stop while the event loop is late, and go when it has recovered', async () => {
    pressure = new Pressure({ inFlight: 100, loopDelay: 200 })
    expect(pressure.overloaded()).toBe(false)
    // Blocks the loop again and again, as too much work would.
    const block = () => {
      const end = performance.now() + 600
      while (performance.now() < end);
    }
    // Out of the phase of timers: in it, a callback that blocks keeps the clock of the loop, and with it the measurement, where it was.
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
    await until(async () => {
      await turn()
      block()
      await turn()
      return pressure.overloaded()
    }, 'the delay to be noticed')
    expect(pressure.loopDelay).toBeGreaterThan(200)
    await until(() => !pressure.overloaded(), 'the recovery')
  })
})
