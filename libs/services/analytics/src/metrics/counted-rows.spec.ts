import { sessionStarted, userRegistered } from '@pavan/contracts'
import { SystemClock, type RecordedEvent } from '@pavan/kernel'
import type { Current } from '@pavan/platform/views/define-view.js'
import type { Rows } from '@pavan/platform/views/rows.js'
import { sqliteAdapters, type SqliteAdapters } from '@pavan/sqlite'
import { startOf } from '../calendar.js'
import { funnel, funnelView } from '../funnel/registration-funnel.view.js'
import { readFunnel } from '../funnel/read-funnel.js'
import { readSeries } from '../series/series-reader.js'
import { counts, defineCounter } from './counter.js'
import { defineDistinct, sees } from './distinct.js'
import type { Metric } from './metric.js'

const at = Date.UTC(2026, 10, 28, 12)
const day = startOf('day', at)
const texts = { title: 't', unit: 'u', definition: 'd' }
let adapters: SqliteAdapters
let rows: Rows
beforeEach(async () => {
  adapters = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) })
  rows = (await adapters.portsFor('spec')).rows
})
afterEach(() => adapters.close())

const event = (type: string, id: string, p: number) =>
  ({
    type,
    at,
    stream: { tenant: 'ten_a', category: 'any', id },
    position: { p, seq: 1 },
    data: { user: id, emailVerified: false },
  }) as unknown as RecordedEvent

/** Has a view work on an event of each of 20 partitions, one after the other. */
const work = async ({ on, tables }: Metric['view'], type: string): Promise<void> => {
  await rows.open(tables as never)
  const current: Current = { get: (table, key) => rows.get(table, key), blind: async (_tenant, _name, value) => value }
  for (let p = 0; p < 20; p++)
    for (const { handle } of on.filter((one) => one.type?.type === type)) await rows.apply(await handle(event(type, `usr_${p}`, p), current))
}
const rowsOf = async (metric: Metric, where: object) => {
  const [table] = metric.view.tables
  return (await rows.find(table as never, { index: 'byTime', where, limit: 100 })).items as { count: number }[]
}
const total = async (metric: Metric) => {
  const { series } = await readSeries(rows, metric, { tenant: 'ten_a', interval: 'day', from: day, to: day + 86_400_000 })
  return series.flatMap(({ points }) => points)
}

test('events are counted in eight rows at the most, whatever the number of partitions, and read as one count', async () => {
  const metric = defineCounter({ id: 'some', ...texts, dimensions: [], on: [counts(userRegistered)] })
  await work(metric.view, userRegistered.type)
  expect((await rowsOf(metric, { tenant: 'ten_a', grain: 'day' })).map(({ count }) => count).toSorted()).toEqual([2, 2, 2, 2, 3, 3, 3, 3])
  expect(await total(metric)).toEqual([{ at: day, value: 20 }])
})

test('people, too, each once, by whichever partition they are seen first', async () => {
  const metric = defineDistinct({ id: 'people', ...texts, on: [sees(sessionStarted, ({ data }) => data.user)] })
  await work(metric.view, sessionStarted.type)
  await work(metric.view, sessionStarted.type)
  expect(await rowsOf(metric, { tenant: 'ten_a', period: 'day' })).toHaveLength(8)
  expect(await total(metric)).toEqual([{ at: day, value: 20 }])
})

test('the funnel adds up more rows than a page has', async () => {
  await work(funnelView, userRegistered.type)
  const row = { tenant: 'ten_a', started: 1, registered: 0, verified: 0, signedIn: 0 }
  const more = Array.from({ length: 1_500 }, (_, i) => ({
    op: 'put' as const,
    table: funnel,
    key: `more/${i}`,
    row: { ...row, at: day - (i % 200) * 86_400_000 },
  }))
  await rows.apply(more as never)
  const { steps } = await readFunnel(rows, 'ten_a', { from: day - 300 * 86_400_000, to: day + 1 })
  expect(steps.map(({ count }) => count)).toEqual([1_500, 20, 0, 0])
})
