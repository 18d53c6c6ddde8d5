/**
 * Spans of what the process does. Without an exporter there is no source: the code asks for one property and goes on, and no SDK is loaded.
 * Names and attributes follow the OpenTelemetry semantic conventions; none of them holds a personal value, a path with ids, or a secret.
 */
import type { Attributes } from '@opentelemetry/api'

export interface SpanOptions {
  /** Of low cardinality: `GET /api/v1/identity/users/:id`, `append user`. */
  readonly name: string
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  /** `traceparent` (W3C Trace Context) whose child the span is, whatever is running now: for what comes later or from elsewhere. */
  readonly parent?: string
  /** `traceparent` of the trace that the span belongs to: child of the running span if that one is of this trace, else of this one. */
  readonly within?: string
  readonly attributes?: Attributes
}

/** A span that has begun. */
export interface RunningSpan {
  /** W3C Trace Context, to be carried on. */
  readonly traceparent: string
  set(attributes: Attributes): void
  rename(name: string): void
  /** What begins inside becomes its child. */
  run<T>(work: () => T): T
  /** With an error, only the error's name is kept: messages may quote values. */
  end(error?: unknown): void
}

export interface SpanSource {
  /** Without `parent` and `within`: child of the running span, or the first of a new trace. */
  start(options: SpanOptions): RunningSpan
  /** `traceparent` of the running span. */
  current(): string | undefined
  /** Does the work outside every span. */
  detached<T>(work: () => T): T
}

export class Tracing {
  /** There only while an exporter is configured. */
  source: SpanSource | undefined

  install(source: SpanSource): () => void {
    this.source = source
    return () => {
      if (this.source === source) this.source = undefined
    }
  }

  /** For background work that a request wakes up and that goes on for others: it belongs to no trace. */
  detached<T>(work: () => T): T {
    return this.source ? this.source.detached(work) : work()
  }

  /** What a row or a message keeps of the present trace, for `later`; empty where nothing is traced. */
  carried(): { readonly traceparent?: string } {
    const traceparent = this.source?.current()
    return traceparent === undefined ? {} : { traceparent }
  }

  /** Does in the trace that a row or a message has carried what is left to do for it, whoever comes to it, and whenever. */
  later<T>({ traceparent }: { readonly traceparent?: string }, options: Omit<SpanOptions, 'parent' | 'within'>, work: () => Promise<T>): Promise<T> {
    if (!this.source) return work()
    return traceparent === undefined ? this.detached(work) : this.during({ ...options, parent: traceparent }, work)
  }

  /** Does the work inside a span of its own; without a source it only does the work. */
  async during<T>(options: SpanOptions, work: () => Promise<T>): Promise<T> {
    const span = this.source?.start(options)
    if (!span) return work()
    try {
      const result = await span.run(work)
      span.end()
      return result
    } catch (error) {
      span.end(error)
      throw error
    }
  }
}

/** For a log line outside of the trace that a row or a message has carried (W3C Trace Context, section 3.2.2.3). */
export const traceField = ({ traceparent }: { readonly traceparent?: string }): { readonly trace_id?: string } => {
  const id = traceparent?.split('-')[1]
  return id === undefined ? {} : { trace_id: id }
}

/** The tracing of this process. */
export const tracing = new Tracing()

/** What `error.type` says of something thrown. */
export const errorType = (error: unknown): string => (error instanceof Error ? error.name : '_OTHER')
