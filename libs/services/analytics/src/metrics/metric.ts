/** A metric: its published definition, the view that counts, and how the counts are read. */
import type { Dimension, Interval } from '@pavan/contracts/analytics/analytics.contract.js'
import type { ViewDefinition } from '@pavan/platform/views/define-view.js'
import type { Rows } from '@pavan/platform/views/rows.js'

export interface MetricTexts {
  /** Kebab-case; part of URLs, never changed. */
  readonly id: string
  readonly title: string
  readonly unit: string
  /** What exactly is counted, for whoever reads the number. */
  readonly definition: string
}

export interface MetricRange {
  readonly tenant: string
  readonly interval: Interval
  /** Begin of the first period, milliseconds since 1970. */
  readonly from: number
  /** End of the last period, which does not belong to it any more. */
  readonly to: number
  readonly by?: Dimension
}

/** A value of one period. */
export interface Measured {
  readonly at: number
  /** Value of the dimension that was asked for. */
  readonly key?: string
  readonly value: number
}

export interface Metric extends MetricTexts {
  readonly intervals: readonly Interval[]
  readonly dimensions: readonly Dimension[]
  /** Values of several periods may be added up. */
  readonly additive: boolean
  /** A new metric is a new view, so it counts from the first event that there ever was. */
  readonly view: ViewDefinition
  measure(rows: Rows, range: MetricRange): AsyncIterable<Measured>
  /** Begin of the first period with a value. */
  since(rows: Rows, tenant: string): Promise<number | undefined>
}
