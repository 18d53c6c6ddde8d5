import type { Metric } from './metric.js'

/** The metrics that this service publishes. */
export class MetricCatalogue {
  constructor(readonly all: readonly Metric[]) {}
}
