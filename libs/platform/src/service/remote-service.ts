/** A service that runs elsewhere, in one or more copies: its requests are sent on over HTTP. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { commonProblems, type ProblemList } from '@pavan/contracts'
import { RefusalError } from '@pavan/kernel'
import { Pool, type Dispatcher } from 'undici'
import { writeProblem } from '../http/problem-filter.js'
import { Problems } from '../http/problems.js'
import { requestContextOf } from '../http/request-context.js'
import type { Log } from '../telemetry/log.js'
import { standingOf } from './copies-standing.js'
import { isStarting, RemoteAnswer } from './remote-answer.js'
import { bodyOf, hasBody, headersFor } from './remote-request.js'
import type { ApiDocument, KnownService, ServiceDescription, ServiceStatus } from './service-directory.js'

/** A copy that does not answer is not asked again for so long, in milliseconds, unless no other is left. */
const restMs = 1000
const describeAgainMs = 500
/** A copy that does not say within so many milliseconds how it is does not answer. */
const statusMs = 4_000

/** Methods that do no harm when they are repeated (RFC 9110, section 9.2.2). */
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
/** Nothing has been sent yet. */
const notConnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'])

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
      // Whoever has gone needs no answer.
      if (response.destroyed) return
      const refusal = error instanceof RefusalError ? error : new RefusalError('service.unavailable')
      if (refusal !== error) this.options.log.warn({ to: this.name, reason: codeOf(error) }, 'a request could not be sent on')
      writeProblem(response, this.#problems.of(refusal, requestContextOf(request)))
    })
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = hasBody(request) ? await bodyOf(request) : null
    const headers = headersFor(request)
    const method = request.method as string
    const options: Dispatcher.DispatchOptions = { method, path: request.url as string, headers, body }
    const answer = new RemoteAnswer(response)
    await this.#ask(
      () => repeatable.has(method) || headers.some((text, at) => at % 2 === 0 && text === 'idempotency-key'),
      (pool, last) => answer.from(pool, options, last),
    )
  }

  /**
   * Asks the copies in turn until one takes the request, which is anything but false; false is a copy that has done nothing.
   * The next one is asked where nothing was sent or done, or where sending it twice does no harm.
   */
  async #ask<T>(harmless: () => boolean, ask: (pool: Pool, last: boolean) => Promise<T | false>): Promise<T> {
    let error: unknown
    const order = this.#order()
    for (const copy of order) {
      try {
        const taken = await ask(copy.pool, copy === order.at(-1))
        if (taken !== false) return taken
        copy.restUntil = performance.now() + restMs
      } catch (thrown) {
        error = thrown
        copy.restUntil = performance.now() + restMs
        if (!notConnected.has(codeOf(thrown)) && !harmless()) break
      }
    }
    throw error
  }

  /** Those that rest come last. */
  #order(): readonly Copy[] {
    if (this.#copies.length === 1) return this.#copies
    const first = this.#next++ % this.#copies.length
    const turn = [...this.#copies.slice(first), ...this.#copies.slice(0, first)]
    const now = performance.now()
    return [...turn.filter(({ restUntil }) => restUntil <= now), ...turn.filter(({ restUntil }) => restUntil > now)]
  }

  async #json<T>(path: string): Promise<T> {
    const { statusCode, body } = await this.#ask(
      () => true,
      async (pool, last) => {
        const answer = await pool.request({ method: 'GET', path })
        if (last || !isStarting(answer.statusCode, answer.headers)) return answer
        await answer.body.dump()
        return false
      },
    )
    if (statusCode !== 200) {
      await body.dump()
      throw new Error(`${this.name} answered ${statusCode}`)
    }
    return (await body.json()) as T
  }

  async status(): Promise<ServiceStatus> {
    const answers = await Promise.all(this.#copies.map(({ pool }) => statusOf(pool).catch(() => undefined)))
    const copies = answers.filter((status) => status !== undefined)
    if (copies.length === 0)
      return { service: this.name, ready: false, version: '', relay: { events: 0, seconds: 0 }, consumers: [], lastError: 'no copy answers' }
    const status = standingOf(copies)
    const away = copies.length < answers.length ? { lastError: `${copies.length} of ${answers.length} copies answer` } : {}
    // A service whose routes are not known yet cannot be reached, however well it is.
    return { ...away, ...status, ready: status.ready && this.known }
  }

  document(): Promise<ApiDocument> {
    return this.#json('/openapi.json')
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#copies.map(({ pool }) => pool.destroy()))
  }
}

/** Nothing of a copy that is still starting. */
const statusOf = async (pool: Pool): Promise<ServiceStatus | undefined> => {
  const { statusCode, body } = await pool.request({ method: 'GET', path: '/readyz', headersTimeout: statusMs, bodyTimeout: statusMs })
  if (statusCode === 200 || statusCode === 503) return ((await body.json()) as { services?: readonly ServiceStatus[] }).services?.[0]
  await body.dump()
  return undefined
}

const codeOf = (error: unknown): string => {
  const { code, cause } = error as { code?: string; cause?: { code?: string } }
  return code ?? cause?.code ?? (error as Error).name
}
