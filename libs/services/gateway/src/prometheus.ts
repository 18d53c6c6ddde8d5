/** `/metrics` in the Prometheus format. The SDK is loaded when somebody asks first, so that it does not slow the start. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { metrics } from '@pavan/platform/telemetry/metrics.js'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const load = async (): Promise<Handler> => {
  const [{ PrometheusExporter }, { MeterProvider }] = await Promise.all([import('@opentelemetry/exporter-prometheus'), import('@opentelemetry/sdk-metrics')])
  const exporter = new PrometheusExporter({ preventServerStart: true })
  metrics.install(new MeterProvider({ readers: [exporter] }).getMeter('pavan'))
  return (request, response) => exporter.getMetricsRequestHandler(request, response)
}

let loaded: Promise<Handler> | undefined

export const prometheus = (): Promise<Handler> => (loaded ??= load())
