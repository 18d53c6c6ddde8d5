/** A metric that counts events, by dimension. */
import type { AnyEventType, EventOf } from '@pavan/contracts'
import type { Dimension, Interval } from '@pavan/contracts/analytics/analytics.contract.js'
import type { RecordedEvent } from '@pavan/kernel'
import { add } from '@pavan/platform/views/changes.js'
import { defineView, on, type EventHandler } from '@pavan/platform/views/define-view.js'
import { defineTable, type Rows, type TableDefinition } from '@pavan/platform/views/rows.js'
import { startOf } from '../calendar.js'
import { countKey } from './counted-rows.js'
import type { Measured, Metric, MetricRange, MetricTexts } from './metric.js'

type Labels = Partial<Record<Dimension, string | undefined>>

/** How many events of one kind happened in one period, in some of the partitions. */
interface CountRow extends Partial<Record<Dimension, string>> {
  readonly tenant: string
  /** Hours for close looks, days for everything else. */
  readonly grain: 'hour' | 'day'
  readonly at: number
  readonly count: number
}

export interface Counted {
  readonly type: AnyEventType
  readonly labels: (event: RecordedEvent<any>) => Labels
}

/** Counts every event of a type under the labels that it gives. */
export const counts = <X extends AnyEventType>(type: X, labels: (event: RecordedEvent<EventOf<X>>) => Labels = () => ({})): Counted => ({ type, labels })

export const defineCounter = (
  given: MetricTexts & { readonly version?: number; readonly dimensions: readonly Dimension[]; readonly on: readonly Counted[] },
): Metric => {
  const { id, title, unit, definition, dimensions } = given
  const table = defineTable<CountRow>({ name: `metric-${id}`, version: 1, durability: 'rebuildable', indexes: { byTime: ['tenant', 'grain', 'at'] } })
  const handler = ({ type, labels }: Counted): EventHandler<any> =>
    on(type, (event) => {
      const { tenant } = event.stream
      const found = labels(event)
      const own = Object.fromEntries(dimensions.map((dimension) => [dimension, found[dimension] ?? 'none']))
      return (['hour', 'day'] as const).map((grain) => {
        const at = startOf(grain, event.at)
        return add(
          table,
          countKey(event, grain, at, ...dimensions.map((dimension) => own[dimension] as string)),
          { count: 1 },
          { tenant, grain, at, ...own, count: 0 },
        )
      })
    })
  return {
    id,
    title,
    unit,
    definition,
    dimensions,
    additive: true,
    intervals: ['hour', 'day', 'week', 'month'],
    view: defineView({ name: `metric-${id}`, version: given.version ?? 1, tables: [table], on: given.on.map(handler), interval: 100 }),
    measure: (rows, range) => measure(rows, table, range),
    since: async (rows, tenant) => (await rows.find(table, { index: 'byTime', where: { tenant, grain: 'day' }, limit: 1 })).items[0]?.at,
  }
}

async function* measure(rows: Rows, table: TableDefinition<CountRow>, { tenant, interval, from, to, by }: MetricRange): AsyncGenerator<Measured> {
  const grain: Interval = interval === 'hour' ? 'hour' : 'day'
  let cursor: string | undefined
  do {
    const page = await rows.find(table, { index: 'byTime', where: { tenant, grain }, range: { gte: from, lt: to }, limit: 1000, cursor })
    for (const row of page.items) yield { at: startOf(interval, row.at), key: by && row[by], value: row.count }
    cursor = page.next
  } while (cursor)
}
