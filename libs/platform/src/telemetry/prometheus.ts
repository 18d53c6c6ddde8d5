/** `/metrics` in the Prometheus format. The SDK is loaded when somebody asks first, so that it does not slow the start. */
import type { Attributes } from '@opentelemetry/api'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { metrics, type Metrics } from './metrics.js'
import { watchProcess } from './process-metrics.js'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Shows the instruments to whoever asks. Exported for specs that have metrics of their own. */
export const expose = async (shown: Metrics): Promise<Handler> => {
  const [{ PrometheusExporter }, { MeterProvider }] = await Promise.all([import('@opentelemetry/exporter-prometheus'), import('@opentelemetry/sdk-metrics')])
  /** Leaves out what a gauge showed before and does not report now, such as a partition that another copy has taken over. */
  class Exporter extends PrometheusExporter {
    override async collect(...options: Parameters<InstanceType<typeof PrometheusExporter>['collect']>) {
      const { resourceMetrics, errors } = await super.collect(...options)
      for (const { metrics: all } of resourceMetrics.scopeMetrics)
        for (const { descriptor, dataPoints } of all) {
          const points: { readonly attributes: Attributes }[] = dataPoints
          points.splice(0, points.length, ...points.filter(({ attributes }) => shown.found(descriptor.name, attributes)))
        }
      return { resourceMetrics, errors }
    }
  }
  const exporter = new Exporter({ preventServerStart: true })
  shown.install(new MeterProvider({ readers: [exporter] }).getMeter('pavan'))
  return (request, response) => exporter.getMetricsRequestHandler(request, response)
}

const load = (): Promise<Handler> => {
  watchProcess()
  return expose(metrics)
}

let loaded: Promise<Handler> | undefined

export const prometheus = (): Promise<Handler> => (loaded ??= load())
