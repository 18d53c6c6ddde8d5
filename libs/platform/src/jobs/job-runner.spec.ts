import { ManualClock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import { makeLog } from '../telemetry/log.js'
import { until } from '../testing/until.js'
import { patch } from '../views/changes.js'
import type { Rows } from '../views/rows.js'
import { JobRunner, leases } from './job-runner.js'

const clock = new ManualClock()
const adapters = sqliteAdapters({ folder: ':memory:', clock, claimKey: new Uint8Array(32) })
const log = makeLog({ level: 'silent' })
let rows: Rows
beforeAll(async () => {
  rows = (await adapters.portsFor('jobs')).rows
  await rows.open([leases] as never)
})
afterAll(() => adapters.close())
const copy = (name: string) => new JobRunner(rows, clock, log, name)

test('of 20 copies that ask at the same moment one gets the lease', async () => {
  const fences = await Promise.all(Array.from({ length: 20 }, (_, n) => copy(`copy ${n}`).acquire('race')))
  expect(fences.filter((fence) => fence !== undefined)).toEqual([1])
})

test('the holder renews; another one gets it only when it has run out, with a higher fence', async () => {
  const [first, second] = [copy('first'), copy('second')]
  expect(await first.acquire('sweep')).toBe(1)
  clock.advance(20_000)
  expect(await first.acquire('sweep')).toBe(1)
  clock.advance(20_000)
  expect(await second.acquire('sweep')).toBeUndefined()
  clock.advance(10_001)
  expect(await second.acquire('sweep')).toBe(2)
  // What the former holder still believes is no longer so.
  expect(await first.acquire('sweep')).toBeUndefined()
})

test('of 20 copies that find a lease that has run out one takes it over', async () => {
  expect(await copy('gone').acquire('takeover')).toBe(1)
  clock.advance(30_001)
  const fences = await Promise.all(Array.from({ length: 20 }, (_, n) => copy(`heir ${n}`).acquire('takeover')))
  expect(fences.filter((fence) => fence !== undefined)).toEqual([2])
})

test('a job that fails comes round again, and one without the lease does nothing', async () => {
  await copy('somebody else').acquire('taken')
  let [failed, never] = [0, 0]
  const runner = copy('runner')
  runner.start('failing', 1, async () => {
    failed++
    throw new Error('not today')
  })
  runner.start('taken', 1, async () => never++)
  await until(() => failed >= 3, 'three runs')
  expect(never).toBe(0)
  await rows.apply([patch(leases, 'taken', { until: 0 })])
  await until(() => never > 0, 'the lease')
  await runner.close()
  const runs = failed
  await new Promise((resolve) => setImmediate(resolve))
  expect(failed).toBe(runs)
})
