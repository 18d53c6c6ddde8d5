/** A metric that counts people, each once in a day, a week and a month. */
import type { AnyEventType, EventOf } from '@pavan/contracts'
import type { RecordedEvent } from '@pavan/kernel'
import { add, keyOf, once } from '@pavan/platform/views/changes.js'
import { defineView, on, type Current } from '@pavan/platform/views/define-view.js'
import { defineTable, type Rows, type RowChange, type TableDefinition } from '@pavan/platform/views/rows.js'
import { startOf } from '../calendar.js'
import { countKey } from './counted-rows.js'
import type { Measured, Metric, MetricRange, MetricTexts } from './metric.js'

type Period = 'day' | 'week' | 'month'

/** How many people were seen for the first time in a period, by events of some of the partitions. */
interface CountRow {
  readonly tenant: string
  readonly period: Period
  readonly at: number
  readonly count: number
}

/** That somebody was seen in a period. The key holds a keyed hash instead of an id, so the count outlives an erasure and names nobody. */
interface SeenRow {
  readonly tenant: string
}

export interface Seen {
  readonly type: AnyEventType
  readonly user: (event: RecordedEvent<any>) => string | undefined
}

/** Says whom an event of a type shows to be there. */
export const sees = <X extends AnyEventType>(type: X, user: (event: RecordedEvent<EventOf<X>>) => string | undefined): Seen => ({ type, user })

export const defineDistinct = (given: MetricTexts & { readonly version?: number; readonly on: readonly Seen[] }): Metric => {
  const { id, title, unit, definition } = given
  const table = defineTable<CountRow>({ name: `metric-${id}`, version: 1, durability: 'rebuildable', indexes: { byTime: ['tenant', 'period', 'at'] } })
  const seen = defineTable<SeenRow>({ name: `metric-${id}-seen`, version: 1, durability: 'rebuildable', indexes: {} })

  const firstIn = (period: Period, event: RecordedEvent<any>, who: string, more: readonly RowChange<any>[]): RowChange<any> => {
    const { tenant } = event.stream
    const at = startOf(period, event.at)
    return once(seen, keyOf(tenant, period, at, who), { tenant }, [
      add(table, countKey(event, period, at), { count: 1 }, { tenant, period, at, count: 0 }),
      ...more,
    ])
  }
  const handler = ({ type, user }: Seen) =>
    on(type, async (event, current: Current) => {
      const found = user(event)
      if (found === undefined) return []
      const who = await current.blind(event.stream.tenant, `metric-${id}`, found)
      // Whoever was seen on this day was seen in its week and month too.
      return [firstIn('day', event, who, [firstIn('week', event, who, []), firstIn('month', event, who, [])])]
    })
  return {
    id,
    title,
    unit,
    definition,
    dimensions: [],
    additive: false,
    intervals: ['day', 'week', 'month'],
    view: defineView({ name: `metric-${id}`, version: given.version ?? 1, tables: [table, seen], on: given.on.map(handler), interval: 100 }),
    measure: (rows, range) => measure(rows, table, range),
    since: async (rows, tenant) => (await rows.find(table, { index: 'byTime', where: { tenant, period: 'day' }, limit: 1 })).items[0]?.at,
  }
}

async function* measure(rows: Rows, table: TableDefinition<CountRow>, { tenant, interval, from, to }: MetricRange): AsyncGenerator<Measured> {
  let cursor: string | undefined
  do {
    const page = await rows.find(table, { index: 'byTime', where: { tenant, period: interval }, range: { gte: from, lt: to }, limit: 1000, cursor })
    for (const row of page.items) yield { at: row.at, value: row.count }
    cursor = page.next
  } while (cursor)
}
