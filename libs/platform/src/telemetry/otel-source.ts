/** Spans by the OpenTelemetry API. Loaded only when an exporter is configured. */
import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api'
import { parseTraceParent } from '@opentelemetry/core'
import { errorType, type RunningSpan, type SpanOptions, type SpanSource } from './tracing.js'

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const

/** W3C Trace Context, section 3.2: version, trace id, span id, flags. */
const traceparentOf = ({ traceId, spanId, traceFlags }: SpanContext): string => `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`

/** A text that is no `traceparent` begins a new trace. */
const remote = (traceparent: string): Context => {
  const parsed = parseTraceParent(traceparent)
  return parsed ? trace.setSpanContext(ROOT_CONTEXT, { ...parsed, isRemote: true }) : ROOT_CONTEXT
}

const parentOf = ({ parent, within }: SpanOptions): Context => {
  if (parent !== undefined) return remote(parent)
  const running = context.active()
  if (within === undefined || trace.getSpanContext(running)?.traceId === within.split('-')[1]) return running
  return remote(within)
}

class OtelSpan implements RunningSpan {
  readonly traceparent: string

  constructor(
    private readonly span: Span,
    private readonly inside: Context,
  ) {
    this.traceparent = traceparentOf(span.spanContext())
  }

  set(attributes: Attributes): void {
    this.span.setAttributes(attributes)
  }

  rename(name: string): void {
    this.span.updateName(name)
  }

  run<T>(work: () => T): T {
    return context.with(this.inside, work)
  }

  end(error?: unknown): void {
    if (error !== undefined)
      this.span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', typeof error === 'string' ? error : errorType(error))
    this.span.end()
  }
}

export class OtelSource implements SpanSource {
  constructor(private readonly tracer: Tracer) {}

  start(options: SpanOptions): RunningSpan {
    const parent = parentOf(options)
    const span = this.tracer.startSpan(options.name, { kind: kinds[options.kind ?? 'internal'], attributes: options.attributes ?? {} }, parent)
    return new OtelSpan(span, trace.setSpan(parent, span))
  }

  current(): string | undefined {
    const running = trace.getSpanContext(context.active())
    return running && traceparentOf(running)
  }

  detached<T>(work: () => T): T {
    return context.with(ROOT_CONTEXT, work)
  }
}
