/** Runs services in a spec as the runner would, on adapters that the spec brings, and calls them over HTTP as a given caller. */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ManualClock, type Decider, type DomainEvent } from '@pavan/kernel'
import { eventCatalogue, type AnyEventType } from '@pavan/contracts'
import { Aggregates, type CommandContext } from '../events/aggregates.js'
import { setCaller, type CallerIdentity } from '../http/caller.js'
import { LocalKeyEncryptionKey, type KeyEncryptionKey } from '../privacy/kek.js'
import type { Adapters } from '../service/adapters.js'
import { defineService, type ServiceDefinition } from '../service/define-service.js'
import { ServiceDirectory, type KnownService } from '../service/service-directory.js'
import { ServiceHost } from '../service/service-host.js'
import { makeLog } from '../telemetry/log.js'

class BenchDirectory extends ServiceDirectory {
  readonly baseUrl = 'http://localhost:8080'
  readonly #services: KnownService[] = []
  list = () => this.#services
  add = (service: KnownService) => void this.#services.push(service)
  guard = () => {}
}

export interface BenchOptions {
  readonly adapters: Adapters
  readonly clock?: ManualClock
  readonly env?: Readonly<Record<string, string>>
  readonly kek?: KeyEncryptionKey
}

export interface BenchAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: any
}

/** A service without anything of its own: it writes the events of its context, and purges like every other. */
export const bareService = (name: string): ServiceDefinition => defineService({ name, title: name, routes: [] })

export class ServiceBench implements AsyncDisposable {
  readonly hosts = new Map<string, ServiceHost>()

  private constructor(
    readonly clock: ManualClock,
    readonly adapters: Adapters,
  ) {}

  static async start(services: readonly ServiceDefinition[], options: BenchOptions): Promise<ServiceBench> {
    const bench = new ServiceBench(options.clock ?? new ManualClock(Date.UTC(2026, 10, 24, 12)), options.adapters)
    const environment = {
      adapters: options.adapters,
      clock: bench.clock,
      directory: new BenchDirectory(),
      env: options.env ?? {},
      kek: options.kek ?? new LocalKeyEncryptionKey(randomBytes(32)),
      log: makeLog({ level: (process.env.LOG_LEVEL as 'info' | undefined) ?? 'silent' }),
      trustProxy: 0,
      version: 'test',
    }
    for (const service of services) bench.hosts.set(service.name, await ServiceHost.create(service, environment))
    const hosts = [...bench.hosts.values()]
    for (const host of hosts) await host.start()
    for (const host of hosts) await host.catchUp()
    return bench
  }

  host(service: string): ServiceHost {
    const host = this.hosts.get(service)
    if (!host) throw new Error(`the bench does not run ${service}`)
    return host
  }

  /** Writes facts as a service would, without deciding. */
  async write(service: string, category: string, context: CommandContext, ...events: readonly (DomainEvent & { readonly type: string })[]): Promise<string> {
    const facts: Decider<readonly DomainEvent[], DomainEvent, null> = { category, initial: null, decide: (command) => command, evolve: () => null }
    const types = events.map(({ type }) => eventCatalogue.get(type) as AnyEventType)
    const handled = await this.host(service).get(Aggregates).of(facts, { events: types }).handle(context, events)
    if ('refused' in handled) throw new Error(handled.code)
    return handled.position
  }

  /** Calls a service by HTTP; `caller` is believed as if a token had been verified. */
  async call(
    service: string,
    method: string,
    path: string,
    options: { readonly caller?: CallerIdentity; readonly body?: unknown; readonly headers?: Record<string, string> } = {},
  ): Promise<BenchAnswer> {
    const host = this.host(service)
    const server = createServer((request, response) => {
      if (options.caller) setCaller(request, options.caller)
      host.handle(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = server.address() as AddressInfo
      const json: Record<string, string> = options.body === undefined ? {} : { 'content-type': 'application/json' }
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { ...json, connection: 'close', ...options.headers },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      })
      const text = await response.text()
      return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : undefined }
    } finally {
      server.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.hosts.values()].map((host) => host.close()))
  }
}
