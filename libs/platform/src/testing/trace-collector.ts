/** An OTLP/HTTP collector for specs: keeps the spans that are sent to it as JSON (OTLP 1.x, `/v1/traces`). */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number
}

interface OtlpAttribute {
  readonly key: string
  readonly value: Record<string, unknown>
}

const valueOf = (value: Record<string, any>): unknown => (value.arrayValue ? (value.arrayValue.values ?? []).map(valueOf) : Object.values(value)[0])
const attributesOf = (list: readonly OtlpAttribute[] = []) => Object.fromEntries(list.map(({ key, value }) => [key, valueOf(value)]))

export class TraceCollector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = []
  readonly resources: Readonly<Record<string, unknown>>[] = []
  /** Every request body as it came. */
  readonly bodies: string[] = []
  /** Headers of the last request. */
  headers: Readonly<Record<string, unknown>> = {}

  private constructor(private readonly server: Server) {}

  static async start(): Promise<TraceCollector> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        if (request.url === '/v1/traces') collector.#take(Buffer.concat(chunks).toString(), request.headers)
        response.writeHead(request.url === '/v1/traces' ? 200 : 404, { 'content-type': 'application/json' }).end('{}')
      })
    })
    const collector = new TraceCollector(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return collector
  }

  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  of(traceId: string): readonly CollectedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId)
  }

  /** The span and what it hangs below, up to the first one that is known here. */
  line(span: CollectedSpan): readonly CollectedSpan[] {
    const parent = this.of(span.traceId).find(({ spanId }) => spanId === span.parentSpanId)
    return parent ? [span, ...this.line(parent)] : [span]
  }

  #take(body: string, headers: Readonly<Record<string, unknown>>): void {
    this.headers = headers
    this.bodies.push(body)
    for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
      this.resources.push(attributesOf(resource.attributes))
      for (const { spans } of scopeSpans) {
        for (const span of spans) {
          this.spans.push({ ...span, parentSpanId: span.parentSpanId || undefined, attributes: attributesOf(span.attributes), status: span.status?.code ?? 0 })
        }
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections()
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }
}
