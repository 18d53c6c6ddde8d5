/** Puts the counts of a metric into series without gaps. */
import { RefusalError } from '@pavan/kernel'
import type { SeriesAnswer } from '@pavan/contracts/analytics/analytics.contract.js'
import type { Rows } from '@pavan/platform/views/rows.js'
import { day, endOf, periods } from '../calendar.js'
import type { Metric, MetricRange } from '../metrics/metric.js'

/** Points that one series may have. */
const most = 800

/** Checks the range against the metric and widens it to whole periods. */
const checked = (metric: Metric, range: MetricRange): { readonly range: MetricRange; readonly starts: readonly number[] } => {
  const { interval, by } = range
  if (!metric.intervals.includes(interval))
    throw new RefusalError('analytics.series.interval-unknown', { metric: metric.id, offered: metric.intervals.join(', ') })
  if (by !== undefined && !metric.dimensions.includes(by)) {
    throw new RefusalError('analytics.series.dimension-unknown', { metric: metric.id, offered: metric.dimensions.join(', ') || 'none' })
  }
  if (range.from >= range.to) throw new RefusalError('analytics.series.period-empty')
  // No period is longer than 31 days: a range beyond that need not be laid out to be refused.
  const tooFar = range.to - range.from > most * 31 * day
  const starts = tooFar ? [] : periods(interval, range.from, range.to)
  if (tooFar || starts.length > most) throw new RefusalError('analytics.series.too-long', { most })
  return { starts, range: { ...range, from: starts[0] as number, to: endOf(interval, range.to - 1) } }
}

export const readSeries = async (rows: Rows, metric: Metric, asked: MetricRange): Promise<SeriesAnswer> => {
  const { range, starts } = checked(metric, asked)
  const series = new Map<string | undefined, Map<number, number>>(range.by === undefined ? [[undefined, new Map()]] : [])
  for await (const { at, key, value } of metric.measure(rows, range)) {
    const points = series.get(key) ?? new Map<number, number>()
    series.set(key, points.set(at, (points.get(at) ?? 0) + value))
  }
  const { interval, from, to, by } = range
  return {
    metric: metric.id,
    unit: metric.unit,
    interval,
    timeZone: 'UTC',
    from,
    to,
    by,
    series: [...series].sort(byKey).map(([key, points]) => ({
      key,
      total: metric.additive ? [...points.values()].reduce((sum, value) => sum + value, 0) : undefined,
      points: starts.map((at) => ({ at, value: points.get(at) ?? 0 })),
    })),
  }
}

const byKey = ([a = '']: readonly [string | undefined, unknown], [b = '']: readonly [string | undefined, unknown]): number => (a < b ? -1 : a > b ? 1 : 0)
