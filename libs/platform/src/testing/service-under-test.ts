/** One whole service on a real port for its specs: HTTP, views, reactions and jobs; other services are heard through their events. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { eventCatalogue, type AnyEventType } from '@pavan/contracts'
import { orThrow, SystemClock, type Decider, type DomainEvent, type EventMeta, type StreamId } from '@pavan/kernel'
import { setCaller, type CallerIdentity } from '../http/caller.js'
import { LocalKeyEncryptionKey } from '../privacy/kek.js'
import type { Adapters } from '../service/adapters.js'
import type { ServiceDefinition } from '../service/define-service.js'
import type { Environment } from '../service/environment.js'
import { ServiceCore } from '../service/service-core.js'
import type { RequestHandler } from '../service/service-directory.js'
import { ServiceHost } from '../service/service-host.js'
import { makeLog, type Log } from '../telemetry/log.js'

export interface Answer<T = any> {
  readonly status: number
  readonly body: T
  readonly headers: Headers
  /** `Pavan-Position` of a command. */
  readonly position: string
}

export interface CallOptions {
  readonly as?: CallerIdentity
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Writes whatever another service would have written. */
const anything = (category: string): Decider<readonly DomainEvent[], DomainEvent, null> => ({
  category,
  initial: null,
  decide: (events) => events,
  evolve: () => null,
})

const actor: EventMeta = { actor: { type: 'system', id: 'spec' } }

const quietly = (): Log => makeLog({ level: (process.env.PAVAN_SPEC_LOG as 'info') ?? 'silent', format: 'json' })

export const user = (tenant: string, id: string): CallerIdentity => ({
  tenant,
  subject: { type: 'user', id },
  client: 'cli_console',
  session: 'ses_1',
  scopes: [],
})

export class ServiceUnderTest {
  readonly #others = new Map<string, Promise<ServiceCore>>()

  private constructor(
    readonly baseUrl: string,
    readonly host: ServiceHost,
    readonly environment: Environment,
    private readonly server: Server,
  ) {}

  /** `adapters` are closed with the service. */
  static async start(definition: ServiceDefinition, adapters: Adapters, env: Environment['env'] = {}, log: Log = quietly()): Promise<ServiceUnderTest> {
    let handler: RequestHandler = (_, response) => response.writeHead(503).end()
    const server = createServer((request, response) => {
      const caller = request.headers['x-spec-caller']
      if (typeof caller === 'string') setCaller(request, JSON.parse(caller) as CallerIdentity)
      handler(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const environment: Environment = {
      adapters,
      clock: new SystemClock(),
      env,
      kek: new LocalKeyEncryptionKey(new Uint8Array(32).fill(2)),
      log,
      trustProxy: 0,
      version: 'spec',
      directory: { baseUrl, list: () => [], add: () => {}, guard: () => {} },
    }
    const host = await ServiceHost.create(definition, environment)
    await host.start()
    await host.catchUp()
    handler = host.handle
    return new ServiceUnderTest(baseUrl, host, environment, server)
  }

  get core(): ServiceCore {
    return this.host.get(ServiceCore as never)
  }

  async call<T = any>(method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> {
    const response = await fetch(`${this.baseUrl}${path}`, {
      method,
      headers: {
        ...(options.as ? { 'x-spec-caller': JSON.stringify(options.as) } : {}),
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    })
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && !/ndjson/.test(response.headers.get('content-type') ?? '')
    return {
      status: response.status,
      headers: response.headers,
      position: response.headers.get('pavan-position') ?? '',
      body: (isJson && text ? JSON.parse(text) : text) as T,
    }
  }

  /** Appends events as their own service and answers their position. */
  async append(
    service: string,
    stream: StreamId,
    events: readonly DomainEvent[],
    options: { readonly meta?: EventMeta; readonly subject?: string } = {},
  ): Promise<string> {
    const core = await this.#other(service)
    const types = [...new Set(events.map((event) => eventCatalogue.get(event.type) as AnyEventType))]
    const aggregate = core.aggregates.of(anything(stream.category), { events: types })
    const context = {
      tenant: stream.tenant,
      id: stream.id,
      meta: options.meta ?? actor,
      ...(options.subject === undefined ? {} : { subject: options.subject }),
    }
    return orThrow(await aggregate.handle(context, events)).position
  }

  /** Appends and waits until the views of the service have seen it. */
  async tell(service: string, stream: StreamId, ...events: readonly DomainEvent[]): Promise<void> {
    await this.core.views.waitFor(await this.append(service, stream, events))
  }

  #other(service: string): Promise<ServiceCore> {
    if (service === this.host.name) return Promise.resolve(this.core)
    let other = this.#others.get(service)
    if (!other) this.#others.set(service, (other = this.#open(service)))
    return other
  }

  async #open(service: string): Promise<ServiceCore> {
    const core = await ServiceCore.open({ name: service, title: service, routes: [] }, this.environment, [])
    await core.relay.start()
    return core
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
    await this.host.close()
    for (const other of this.#others.values()) await (await other).close()
    await this.environment.adapters.close()
  }
}
