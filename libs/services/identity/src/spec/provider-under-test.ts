/** The provider's part of identity on the real stack, in memory, over real HTTP: for specs. People and pages are played by a few lines. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Controller, Get, Injectable, Inject, Param, Req, Res } from '@nestjs/common'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { makeId, orThrow, SystemClock, type Decider, type DomainEvent, type StreamId } from '@pavan/kernel'
import {
  adminEvents,
  authorizationEvents,
  clientSettings,
  identityEvents,
  profilesEvents,
  tenantCreated,
  clientRegistered,
  type AnyEventType,
  type ClientSettings,
} from '@pavan/contracts'
import { sqliteAdapters } from '@pavan/sqlite'
import { LocalKeyEncryptionKey } from '@pavan/platform/privacy/kek.js'
import { defineService } from '@pavan/platform/service/define-service.js'
import type { Environment } from '@pavan/platform/service/environment.js'
import { ServiceCore } from '@pavan/platform/service/service-core.js'
import type { RequestHandler } from '@pavan/platform/service/service-directory.js'
import { ServiceHost } from '@pavan/platform/service/service-host.js'
import { makeLog } from '@pavan/platform/telemetry/log.js'
import { ClientSecrets } from '../client/client-secrets.js'
import { AccountSource, type Account } from '../oidc/account-source.js'
import { Interactions } from '../oidc/interaction.js'
import { mountProvider } from '../oidc/mount-provider.js'
import { oidcSlice } from '../oidc/oidc.slice.js'
import { ProviderPages } from '../oidc/provider-pages.js'
import { joinSlices } from '../slice.js'

/** People by id; a spec changes them as it likes. */
@Injectable()
export class PlayedAccounts extends AccountSource {
  readonly people = new Map<string, Account>()

  async find(_tenant: string, user: string): Promise<Account | undefined> {
    return this.people.get(user)
  }
}

const meta = { actor: { type: 'system', id: 'spec' } } as const

/** The hosted page: signs in whoever the header `x-spec-user` names, and consents unless `x-spec-refuse` is there. */
@Controller('/t/:slug')
class PlayedPages {
  constructor(@Inject(Interactions) private readonly interactions: Interactions) {}

  @Get('interaction/:uid')
  async interaction(@Param('slug') slug: string, @Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const exchange = { slug, req: request.raw, res: reply.raw }
    const waiting = await this.interactions.load(exchange, uid)
    if (!waiting) return void reply.status(404).send('expired')
    reply.header('x-spec-step', waiting.step).header('x-spec-scopes', waiting.scopes.join(' '))
    const user = String(request.headers['x-spec-user'] ?? 'usr_ada')
    const origin = { address: request.ip, device: String(request.headers['user-agent'] ?? '') }
    const next =
      'x-spec-refuse' in request.headers
        ? await this.interactions.abort(exchange, uid)
        : waiting.step === 'login'
          ? await this.interactions.finishSignIn(exchange, uid, { user, method: 'password', meta: { actor: { type: 'user', id: user }, origin } })
          : await this.interactions.finishConsent(exchange, uid, meta)
    void reply.redirect(next ?? '/expired', 303)
  }

  @Get('account')
  async account(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    void reply.send((await this.interactions.currentUser({ slug, req: request.raw, res: reply.raw })) ?? {})
  }

  @Get('enter')
  async enter(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    void reply.send(await this.interactions.startSession({ slug, req: request.raw, res: reply.raw }, { user: 'usr_ada', method: 'set-up', meta }))
  }

  @Get('leave')
  async leave(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.interactions.endSession({ slug, req: request.raw, res: reply.raw }, meta)
    void reply.send({})
  }
}
Reflect.defineMetadata('pavan:entrance', 'public', PlayedPages)

const joined = joinSlices([
  oidcSlice,
  { controllers: [PlayedPages], providers: [PlayedAccounts, { provide: AccountSource, useExisting: PlayedAccounts }, ProviderPages] },
])

const definition = defineService({
  name: 'identity',
  title: 'Identity',
  ...joined,
  config: undefined,
  events: identityEvents,
  routes: ['/api/v1/identity', '/t'],
  mount: mountProvider,
})

/** Writes whatever another service would have written. */
const anything = (category: string): Decider<readonly DomainEvent[], DomainEvent, null> => ({
  category,
  initial: null,
  decide: (events) => events,
  evolve: () => null,
})

export class ProviderUnderTest {
  readonly accounts: PlayedAccounts
  readonly #others = new Map<string, ServiceCore>()

  private constructor(
    readonly baseUrl: string,
    readonly host: ServiceHost,
    private readonly environment: Environment,
    private readonly server: ReturnType<typeof createServer>,
  ) {
    this.accounts = host.get(PlayedAccounts)
    this.accounts.people.set('usr_ada', {
      user: 'usr_ada',
      status: 'active',
      email: 'ada@example.org',
      emailVerified: true,
      name: 'Ada',
      locale: 'en',
      updatedAt: 1_700_000_000_000,
    })
  }

  static async start(): Promise<ProviderUnderTest> {
    const clock = new SystemClock()
    let handler: RequestHandler = (_, response) => response.writeHead(503).end()
    const server = createServer((request: IncomingMessage, response: ServerResponse) => handler(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const environment: Environment = {
      adapters: sqliteAdapters({ folder: ':memory:', clock, claimKey: new Uint8Array(32).fill(1) }),
      clock,
      env: {},
      kek: new LocalKeyEncryptionKey(new Uint8Array(32).fill(2)),
      log: makeLog({ level: (process.env.PAVAN_SPEC_LOG as 'info') ?? 'silent', format: 'json' }),
      trustProxy: 0,
      version: 'spec',
      directory: { baseUrl, list: () => [], add: () => {}, guard: () => {} },
    }
    const host = await ServiceHost.create(definition, environment)
    await host.start()
    await host.catchUp()
    handler = host.handle
    return new ProviderUnderTest(baseUrl, host, environment, server)
  }

  issuer(slug: string): string {
    return `${this.baseUrl}/t/${slug}`
  }

  /** Appends events as their own service and waits until identity has seen them. */
  async tell(service: 'admin' | 'authorization' | 'profiles', stream: StreamId, ...events: readonly DomainEvent[]): Promise<void> {
    const core = await this.#other(service)
    const types = { admin: adminEvents, authorization: authorizationEvents, profiles: profilesEvents }[service] as readonly AnyEventType[]
    const aggregate = core.aggregates.of(anything(stream.category), { events: types })
    const { position } = orThrow(await aggregate.handle({ tenant: stream.tenant, id: stream.id, meta }, events))
    await this.#identity.views.waitFor(position)
  }

  async tenant(slug: string): Promise<string> {
    const id = this.id('tenant')
    await this.tell('admin', { tenant: id, category: 'tenant', id }, tenantCreated.of({ data: { slug, name: slug.toUpperCase() } }))
    return id
  }

  /** Registers a client; a confidential one gets a secret. */
  async client(
    tenant: string,
    settings: Partial<ClientSettings> & Pick<ClientSettings, 'kind' | 'grantTypes'>,
  ): Promise<{ id: string; secret: string | undefined }> {
    const id = this.id('client')
    const data = {
      application: this.id('application'),
      settings: clientSettings.parse({ name: 'Client', redirectUris: settings.kind === 'machine' ? [] : ['http://rp.test/callback'], ...settings }),
    }
    await this.tell('admin', { tenant, category: 'client', id }, clientRegistered.of({ data }))
    if (settings.kind === 'spa' || settings.kind === 'native') return { id, secret: undefined }
    const created = orThrow(await this.host.get(ClientSecrets).create({ tenant, client: id, secretId: this.id('secret'), meta }))
    return { id, secret: created.secret }
  }

  /** Types of the events that identity has written for a tenant, in order, or those of one type with their data. */
  async events(
    tenant: string,
    type?: string,
  ): Promise<{ type: string; data: Record<string, unknown>; meta: { client?: string }; origin?: string; subject?: string }[]> {
    const found = []
    for (let after = 0; ;) {
      const batch = await this.#identity.store.readAll({ p: 0, seq: after }, 500)
      if (batch.length === 0) break
      found.push(...batch.filter((event) => event.stream.tenant === tenant && (type === undefined || event.type === type)))
      after = batch.at(-1)?.position.seq ?? after
    }
    return found as never
  }

  id(kind: Parameters<typeof makeId>[0]): string {
    return makeId(kind, Date.now(), (into) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>))
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
    await Promise.all([...this.#others.values()].map((core) => core.close()))
    await this.host.close()
    await this.environment.adapters.close()
  }

  get #identity(): ServiceCore {
    return this.host.get(ServiceCore as never) as ServiceCore
  }

  async #other(service: string): Promise<ServiceCore> {
    let core = this.#others.get(service)
    if (!core) {
      core = await ServiceCore.open(defineService({ name: service, title: service, routes: [] }), this.environment, [])
      this.#others.set(service, core)
      await core.relay.start()
    }
    return core
  }
}
