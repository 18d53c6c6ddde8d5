/** A service that runs elsewhere, in one or more copies: its requests are sent on over HTTP. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { commonProblems, type ProblemList } from '@pavan/contracts'
import { RefusalError } from '@pavan/kernel'
import { Pool, type Dispatcher } from 'undici'
import { maxBodyLimit } from '../http/body-limit.js'
import { writeProblem } from '../http/problem-filter.js'
import { Problems } from '../http/problems.js'
import { requestContextOf } from '../http/request-context.js'
import type { Log } from '../telemetry/log.js'
import type { ApiDocument, KnownService, ServiceDescription, ServiceStatus } from './service-directory.js'

/** A copy that does not answer is not asked again for so long, in milliseconds, unless no other is left. */
const restMs = 1000
const describeAgainMs = 500

/** Meant for the next hop alone (RFC 9110, section 7.6.1). */
const hopByHop = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'])
/** Methods that do no harm when they are repeated (RFC 9110, section 9.2.2). */
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
/** Nothing has been sent yet. */
const notConnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'])

/** Says in an answer that the copy is still starting and has done nothing: whoever has another one asks that. */
export const startingHeader = 'pavan-starting'

interface Copy {
  readonly url: string
  readonly pool: Pool
  restUntil: number
}

export interface RemoteServiceOptions {
  readonly name: string
  /** `http://host:port` of each copy. */
  readonly urls: readonly string[]
  readonly log: Log
  /** Where the pages of problems are. */
  readonly problemsUrl: string
  /** Called when the service has told its routes. */
  readonly onDescribed: () => void
}

export class RemoteService implements KnownService {
  readonly name: string
  title: string
  routes: readonly string[] = []
  problems: ProblemList = {}
  known = false
  readonly #copies: readonly Copy[]
  readonly #problems: Problems
  #next = 0
  #closed = false

  constructor(private readonly options: RemoteServiceOptions) {
    this.name = options.name
    this.title = options.name
    this.#problems = new Problems(commonProblems, options.problemsUrl)
    this.#copies = options.urls.map((url) => ({
      url,
      pool: new Pool(url, { connections: 128, connectTimeout: 1000, headersTimeout: 30_000, bodyTimeout: 60_000, keepAliveTimeout: 4000 }),
      restUntil: 0,
    }))
    void this.#describe()
  }

  /** Asks until the service says what it is: it may start after the gateway. */
  async #describe(): Promise<void> {
    while (!this.#closed && !this.known) {
      const description = await this.#json<ServiceDescription>('/service.json').catch(() => undefined)
      if (description) {
        this.title = description.title
        this.routes = description.routes
        this.problems = description.problems
        this.known = true
        this.options.onDescribed()
      } else await new Promise((resolve) => setTimeout(resolve, describeAgainMs).unref())
    }
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#pass(request, response).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy()
      const refusal = error instanceof RefusalError ? error : new RefusalError('service.unavailable')
      if (refusal !== error) this.options.log.warn({ to: this.name, reason: codeOf(error) }, 'a request could not be sent on')
      writeProblem(response, this.#problems.of(refusal, requestContextOf(request)))
    })
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request)
    const headers = headersFor(request)
    const abort = new AbortController()
    response.once('close', () => abort.abort())
    const answer = await this.#send({
      method: request.method as Dispatcher.HttpMethod,
      path: request.url as string,
      headers,
      body,
      signal: abort.signal,
      responseHeaders: 'raw',
    })
    const raw = answer.headers as unknown as readonly (string | Buffer)[]
    for (const [name, values] of collect(raw)) response.setHeader(name, values)
    response.writeHead(answer.statusCode)
    await pipeline(answer.body, response)
  }

  /** Asks the copies in turn; the next one where nothing was sent or done, or where sending it twice does no harm. */
  async #send(options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData> {
    const safe = repeatable.has(options.method) || 'idempotency-key' in (options.headers as object)
    let last: unknown
    const order = this.#order()
    for (const [at, copy] of order.entries()) {
      try {
        const answer = await copy.pool.request(options)
        if (at === order.length - 1 || !isStarting(answer)) return answer
        copy.restUntil = performance.now() + restMs
        await answer.body.dump()
      } catch (error) {
        last = error
        if (options.signal && (options.signal as AbortSignal).aborted) break
        copy.restUntil = performance.now() + restMs
        if (!safe && !notConnected.has(codeOf(error))) break
      }
    }
    throw last
  }

  #order(): readonly Copy[] {
    const first = this.#next++ % this.#copies.length
    const turn = [...this.#copies.slice(first), ...this.#copies.slice(0, first)]
    const now = performance.now()
    return [...turn.filter(({ restUntil }) => restUntil <= now), ...turn.filter(({ restUntil }) => restUntil > now)]
  }

  async #json<T>(path: string, statuses: readonly number[] = [200]): Promise<T> {
    const { statusCode, body } = await this.#send({ method: 'GET', path, headers: {} })
    if (!statuses.includes(statusCode)) {
      await body.dump()
      throw new Error(`${this.name} answered ${statusCode}`)
    }
    return (await body.json()) as T
  }

  async status(): Promise<ServiceStatus> {
    const gone: ServiceStatus = { service: this.name, ready: false, version: '', relay: { events: 0, seconds: 0 }, consumers: [], lastError: 'no copy answers' }
    const { services } = await this.#json<{ services?: readonly ServiceStatus[] }>('/readyz', [200, 503]).catch(() => ({ services: undefined }))
    const status = services?.[0] ?? gone
    // A service whose routes are not known yet cannot be reached, however well it is.
    return { ...status, ready: status.ready && this.known }
  }

  document(): Promise<ApiDocument> {
    return this.#json('/openapi.json')
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#copies.map(({ pool }) => pool.destroy()))
  }
}

/** Bytes of a refused body that are read on, so that its sender gets to see the answer. */
const patience = 16 * 1024 * 1024

/** The whole body: a request that no copy has taken yet can then go to the next one. No operation takes more than the limit. */
const read = async (request: IncomingMessage): Promise<Buffer | null> => {
  if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) return null
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let size = 0
    request.on('data', (part: Buffer) => {
      size += part.length
      if (size <= maxBodyLimit) parts.push(part)
      else reject(new RefusalError('request.body.too-large', { limit: maxBodyLimit }))
      if (size > patience) request.destroy()
    })
    request.once('end', () => resolve(Buffer.concat(parts)))
    request.once('close', () => {
      if (!request.readableEnded) reject(new Error('the request was broken off'))
    })
  })
}

const headersFor = (request: IncomingMessage): Record<string, string | string[]> => {
  const { connection = '' } = request.headers
  const named = new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
  const headers: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !hopByHop.has(name) && !named.has(name) && name !== 'content-length' && name !== 'expect') headers[name] = value
  }
  const { requestId, traceparent } = requestContextOf(request)
  headers['x-request-id'] = requestId
  headers.traceparent = traceparent
  headers['x-forwarded-for'] = [request.headers['x-forwarded-for'], request.socket.remoteAddress].filter(Boolean).join(', ')
  return headers
}

/** The headers are an object, or raw pairs. */
const isStarting = ({ statusCode, headers }: Dispatcher.ResponseData): boolean =>
  statusCode === 503 && (Array.isArray(headers) ? headers.some((one) => String(one) === startingHeader) : headers[startingHeader] !== undefined)

/** Raw pairs as Node wants them: a header that comes several times is a list. */
const collect = (raw: readonly (string | Buffer)[]): Map<string, string | string[]> => {
  const headers = new Map<string, string | string[]>()
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = String(raw[at]).toLowerCase()
    if (hopByHop.has(name) || name === startingHeader) continue
    const value = Buffer.isBuffer(raw[at + 1]) ? (raw[at + 1] as Buffer).toString('latin1') : String(raw[at + 1])
    const known = headers.get(name)
    headers.set(name, known === undefined ? value : [known, value].flat())
  }
  return headers
}

const codeOf = (error: unknown): string => {
  const { code, cause } = error as { code?: string; cause?: { code?: string } }
  return code ?? cause?.code ?? (error as Error).name
}
