/** Sets the OpenTelemetry SDK up from its standard environment variables. The SDK is loaded only when there is a collector to send to. */
import { isTraced, readTraceConfig, type TraceConfig } from './trace-config.js'
import type { Log } from './log.js'
import { tracing } from './tracing.js'

type Sdk = typeof import('@opentelemetry/sdk-trace')

const samplerOf = (sdk: Sdk, { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: share }: TraceConfig) => {
  const roots = { always_on: new sdk.AlwaysOnSampler(), always_off: new sdk.AlwaysOffSampler(), traceidratio: new sdk.TraceIdRatioBasedSampler(share) }
  const root = roots[name.replace('parentbased_', '') as keyof typeof roots]
  return name.startsWith('parentbased_') ? new sdk.ParentBasedSampler({ root }) : root
}

/** Begins to trace if a collector is configured; the result sends what waits and ends it. Call it before the services are made. */
export const startTracing = async (
  env: Readonly<Record<string, string | undefined>>,
  options: { readonly version: string; readonly log: Log },
): Promise<(() => Promise<void>) | undefined> => {
  const { config, unusable } = readTraceConfig(env)
  for (const variable of unusable) options.log.warn({ variable }, 'a variable of OpenTelemetry is not usable and counts as not set')
  if (!isTraced(config)) return undefined
  const [api, sdk, { OTLPTraceExporter }, resources, { AsyncLocalStorageContextManager }, { W3CTraceContextPropagator }, { OtelSource }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/core'),
    import('./otel-source.js'),
  ])
  const resource = resources
    .defaultResource()
    .merge(resources.resourceFromAttributes({ 'service.name': 'pavan', 'service.version': options.version }))
    .merge(resources.detectResources({ detectors: [resources.envDetector] }))
  const exporter = new OTLPTraceExporter()
  const provider = new sdk.TracerProvider({
    resource,
    sampler: samplerOf(sdk, config),
    spanLimits: { attributeCountLimit: config.OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT },
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: config.OTEL_BSP_SCHEDULE_DELAY,
        exportTimeoutMillis: config.OTEL_BSP_EXPORT_TIMEOUT,
        maxQueueSize: config.OTEL_BSP_MAX_QUEUE_SIZE,
        maxExportBatchSize: Math.min(config.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, config.OTEL_BSP_MAX_QUEUE_SIZE),
      }),
    ],
  })
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  api.propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  api.trace.setGlobalTracerProvider(provider)
  const uninstall = tracing.install(new OtelSource(provider.getTracer('pavan', options.version)))
  return async () => {
    uninstall()
    await provider.shutdown().catch((error: unknown) => options.log.warn({ error }, 'the last spans could not be sent'))
    api.trace.disable()
    api.propagation.disable()
    api.context.disable()
  }
}
