import { until } from '../testing/until.js'
import { tidyWhenQuiet } from './idle-memory.js'

it('collects once, in the first quiet moment after busy ones', async () => {
  const collect = jest.fn<void, [unknown]>()
  let busy = true
  let rounds = 0
  const work = () => {
    const end = performance.now() + 5
    while (performance.now() < end);
    rounds++
    if (busy) setImmediate(work)
  }
  work()
  tidyWhenQuiet(collect as never, 20)
  await until(() => rounds > 15)
  expect(collect).not.toHaveBeenCalled()
  busy = false
  await until(() => collect.mock.calls.length > 0)
  expect(collect.mock.calls).toEqual([[{ type: 'major', execution: 'sync', flavor: 'last-resort' }]])
})

it('does nothing where the process cannot be asked to', () => {
  expect(() => tidyWhenQuiet(undefined)).not.toThrow()
})
