/** The standard variables of the OpenTelemetry SDK that say whether and what is traced (specification, "Environment Variables"). */
import { z } from 'zod'

const samplers = ['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const
const count = (value: number) => z.coerce.number().int().min(1).max(1_000_000).default(value)

export const traceConfig = z.object({
  OTEL_SDK_DISABLED: z
    .stringbool({ truthy: ['true'], falsy: ['false'] })
    .default(false)
    .describe('`true` turns tracing off whatever else is set'),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none']).default('otlp').describe('`none` turns tracing off'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional().describe('OTLP collector such as http://localhost:4318; without one there is no tracing'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.url().optional().describe('The same for traces alone, with its whole path'),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.enum(['http/json']).default('http/json').describe('Only OTLP over HTTP with JSON is spoken'),
  OTEL_TRACES_SAMPLER: z.enum(samplers).default('parentbased_always_on').describe('Which traces are kept'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1).describe('Share of traces that the ratio samplers keep'),
  OTEL_BSP_SCHEDULE_DELAY: count(5000).describe('Milliseconds between two exports'),
  OTEL_BSP_EXPORT_TIMEOUT: count(30_000).describe('Milliseconds that one export may take'),
  OTEL_BSP_MAX_QUEUE_SIZE: count(2048).describe('Spans that wait at most; more are dropped'),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: count(512).describe('Spans in one export at most'),
  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: count(128).describe('Attributes of one span at most'),
})
export type TraceConfig = z.output<typeof traceConfig>

/** A value that cannot be used counts as not set, and is told by its name: a mistake in telemetry must not stop a sign-in system. */
export const readTraceConfig = (env: Readonly<Record<string, string | undefined>>): { readonly config: TraceConfig; readonly unusable: readonly string[] } => {
  const names = Object.keys(traceConfig.shape).filter((name) => env[name] !== undefined && env[name] !== '')
  const given = Object.fromEntries(names.map((name) => [name, env[name]?.trim()]))
  const issues = traceConfig.safeParse(given).error?.issues ?? []
  const unusable = [...new Set(issues.map((issue) => String(issue.path[0])))]
  for (const name of unusable) delete given[name]
  return { config: traceConfig.parse(given), unusable }
}

/** The exporter reads its variables by itself; this only says whether there is one. */
export const isTraced = (config: TraceConfig): boolean =>
  !config.OTEL_SDK_DISABLED &&
  config.OTEL_TRACES_EXPORTER === 'otlp' &&
  (config.OTEL_EXPORTER_OTLP_ENDPOINT ?? config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) !== undefined
