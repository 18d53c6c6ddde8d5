/** One service as a Nest application of its own, with its own platform instances. Nothing in it is shared with another service. */
import type { DynamicModule, Provider, Type } from '@nestjs/common'
import type { NestFastifyApplication } from '@nestjs/platform-fastify'
import type { ProblemList } from '@pavan/contracts'
import { Clock } from '@pavan/kernel'
import { Bus } from '../bus/bus.js'
import { Aggregates } from '../events/aggregates.js'
import { EventStore } from '../events/event-store.js'
import { AnswersInterceptor } from '../http/answers.interceptor.js'
import { IdempotencyInterceptor } from '../http/idempotency.js'
import { ProblemFilter } from '../http/problem-filter.js'
import { Problems, problemsOf } from '../http/problems.js'
import { RouteIndex } from '../http/route-index.js'
import { MirroredSigningKeys } from '../http/signing-keys.js'
import { TokenGuard } from '../http/token.guard.js'
import { TokenVerifier } from '../http/token-verifier.js'
import { SchemaPipe } from '../http/validation.js'
import { BlindIndex } from '../privacy/blind-index.js'
import { KeyRing } from '../privacy/key-ring.js'
import { Log } from '../telemetry/log.js'
import { Rows } from '../views/rows.js'
import { Views } from '../views/views.js'
import { accessParts } from './access-parts.js'
import { Compaction, compactionOf } from './compaction.js'
import { directly } from './direct-routes.js'
import { ServiceConfig, type Notice, type Resolve, type ServiceDefinition } from './define-service.js'
import type { Environment } from './environment.js'
import { makeFastifyApp } from './fastify-app.js'
import { Ids } from './ids.js'
import { readConfig } from './service-config.js'
import { ServiceCore, type Get } from './service-core.js'
import { ServiceDirectory, type ApiDocument, type KnownService, type RequestHandler, type ServiceStatus } from './service-directory.js'
import { systemController } from './system.http.js'

export class ServiceHost implements KnownService {
  readonly #access = accessParts()
  readonly #routes = new RouteIndex()
  readonly #problems: Problems
  #app!: NestFastifyApplication
  #controllers: readonly Type[] = []
  #core!: ServiceCore
  #keys!: MirroredSigningKeys
  #ready = false
  #document: Promise<ApiDocument> | undefined

  readonly known = true
  readonly name: string
  readonly title: string
  readonly routes: readonly string[]
  readonly problems: ProblemList
  handle!: RequestHandler

  private constructor(
    readonly definition: ServiceDefinition,
    private readonly environment: Environment,
  ) {
    this.name = definition.name
    this.title = definition.title
    this.routes = [...definition.routes, `/api/v1/system/${definition.name}`]
    this.problems = problemsOf(definition.problems)
    this.#problems = new Problems(this.problems, `${environment.directory.baseUrl}/problems`)
  }

  static async create(definition: ServiceDefinition, environment: Environment): Promise<ServiceHost> {
    const host = new ServiceHost(definition, environment)
    await host.#build()
    return host
  }

  async #build(): Promise<void> {
    const { definition, environment } = this
    const { clock, directory } = environment
    const core = (this.#core = await ServiceCore.open(definition, environment, this.#access.views))
    this.#controllers = [...(definition.controllers ?? []), ...this.#access.controllers, systemController(definition.name, this.title)]
    const routes = this.#routes
    this.#keys = new MirroredSigningKeys(core.rows, core.views, directory.baseUrl)
    const verifier = new TokenVerifier(this.#keys, clock, { audience: `${directory.baseUrl}/api` })
    const value = (provide: unknown, useValue: unknown): Provider => ({ provide: provide as never, useValue })
    const module: DynamicModule = {
      module: class ServiceModule {},
      controllers: [...this.#controllers],
      providers: [
        ...(definition.providers ?? []),
        ...this.#access.providers,
        value(Aggregates, core.aggregates),
        value(BlindIndex, await core.blindIndex()),
        value(Bus, core.ports.bus),
        value(Clock, clock),
        value(Compaction, compactionOf(environment.adapters)),
        value(EventStore, core.store),
        value(Ids, core.ids),
        value(KeyRing, core.keys),
        value(Log, core.log),
        value(Problems, this.#problems),
        value(Rows, core.rows),
        value(ServiceConfig, {
          PAVAN_URL: directory.baseUrl,
          PAVAN_TRUST_PROXY: environment.trustProxy,
          ...(definition.config ? readConfig(definition.config, environment.env) : {}),
        }),
        value(ServiceCore, core),
        value(ServiceDirectory, directory),
        value(TokenVerifier, verifier),
        value(Views, core.views),
      ],
    }
    const filter = new ProblemFilter(this.#problems, core.log, routes)
    const { app, fastify } = await makeFastifyApp(module, {
      service: this.name,
      log: core.log,
      routes,
      trustProxy: environment.trustProxy,
      refuse: filter.forFastify,
    })
    this.#app = app
    app.useGlobalPipes(new SchemaPipe())
    app.useGlobalFilters(filter)
    app.useGlobalGuards(new TokenGuard(verifier, core.views), ...this.#access.guards(this.#get))
    app.useGlobalInterceptors(new IdempotencyInterceptor(core.rows, clock), new AnswersInterceptor())
    app.connectMicroservice({ strategy: core.transport }, { inheritAppConfig: false })
    await definition.mount?.(fastify, this.#get as Resolve)
    await app.init()
    await fastify.ready()
    const routing: RequestHandler = (request, response) => fastify.routing(request, response)
    const direct = definition.direct?.(this.#get as Resolve)
    this.handle = direct ? directly(direct, routing, this.name, core.log) : routing
  }

  readonly #get: Get = (token) => this.#app.get(token as never, { strict: false })

  /** Sends what is in the store to the bus, and listens. */
  async start(): Promise<void> {
    await this.#core.relay.start()
    await this.#app.startAllMicroservices()
    await this.#core.views.start()
    await this.#core.startReactions(this.#get)
  }

  /** Resolves when the views have seen what was there, and the service has made what it must have. */
  async catchUp(): Promise<void> {
    await this.#core.views.ready()
    await this.#keys.open()
    await this.#access.open(this.#get)
    await this.definition.onReady?.(...(this.definition.inject ?? []).map(this.#get))
    this.#core.startJobs(this.#get)
    this.#ready = true
  }

  async status(): Promise<ServiceStatus> {
    const { version } = this.environment
    return { service: this.name, ready: this.#ready, version, ...(await this.#core.standing()) }
  }

  document(): Promise<ApiDocument> {
    this.#document ??= Promise.all([import('./api-document.js'), this.definition.rawRoutes?.()]).then(([{ makeApiDocument }, raw]) =>
      makeApiDocument(this.#controllers, { service: this.name, title: this.title, problems: this.problems }, raw),
    )
    return this.#document
  }

  /** Every route that is registered, as Fastify writes it; what of them is not in the document is a mistake. */
  registered(): ReturnType<RouteIndex['list']> {
    return this.#routes.list()
  }

  notices(): Promise<readonly Notice[]> {
    return this.definition.notices?.(this.#get as Resolve) ?? Promise.resolve([])
  }

  /** A provider of the service, for its specs. */
  get<T>(token: abstract new (...args: any[]) => T): T {
    return this.#get(token) as T
  }

  async close(): Promise<void> {
    this.#ready = false
    await this.#core.close()
    await this.#app.close()
  }
}
