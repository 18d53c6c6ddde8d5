/** The provider's part of identity on the real stack, in memory, over real HTTP: for specs. People and pages are played by a few lines. */
import { Controller, Get, Inject, Injectable, Param, Req, Res } from '@nestjs/common'
import type { FastifyReply, FastifyRequest } from 'fastify'
import * as oidc from 'openid-client'
import { z } from 'zod'
import { makeId, orThrow, SystemClock, type IdKind } from '@pavan/kernel'
import { clientRegistered, clientSettings, identityEvents, tenantCreated, type ClientSettings } from '@pavan/contracts'
import { sqliteAdapters } from '@pavan/sqlite'
import { AccessEngine } from '@pavan/platform/access/access-engine.js'
import { Public } from '@pavan/platform/http/public.js'
import { defineService } from '@pavan/platform/service/define-service.js'
import { ServiceUnderTest } from '@pavan/platform/testing/service-under-test.js'
import { ClientSecrets } from '../client/client-secrets.js'
import { AccountSource, type Account } from '../oidc/account-source.js'
import { Interactions } from '../oidc/interaction.js'
import { mountProvider } from '../oidc/mount-provider.js'
import { oidcSlice } from '../oidc/oidc.slice.js'
import { ProviderPages } from '../oidc/provider-pages.js'
import { joinSlices } from '../slice.js'
import { Browser, type Visit } from './browser.js'

/** People by id; a spec changes them as it likes. */
@Injectable()
export class PlayedAccounts extends AccountSource {
  readonly people = new Map<string, Account>()

  async find(_tenant: string, user: string): Promise<Account | undefined> {
    return this.people.get(user)
  }

  async status(_tenant: string, user: string): Promise<Account['status'] | undefined> {
    return this.people.get(user)?.status
  }
}

const meta = { actor: { type: 'system', id: 'spec' } } as const

/** The hosted pages: sign in whoever the header `x-spec-user` names, and consent unless `x-spec-refuse` is there. */
@Public()
@Controller('/t/:slug')
class PlayedPages {
  constructor(@Inject(Interactions) private readonly interactions: Interactions) {}

  @Get('interaction/:uid')
  async interaction(@Param('slug') slug: string, @Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const exchange = { slug, req: request.raw, res: reply.raw, address: request.ip }
    const waiting = await this.interactions.load(exchange, uid)
    if (!waiting) return void reply.status(404).send('expired')
    reply.raw.setHeader('x-spec-step', [waiting.step, ...waiting.scopes].join(' '))
    const user = String(request.headers['x-spec-user'] ?? 'usr_ada')
    const origin = { address: request.ip, device: String(request.headers['user-agent'] ?? '') }
    const answered =
      'x-spec-refuse' in request.headers
        ? await this.interactions.abort(exchange, uid)
        : waiting.step === 'login'
          ? await this.interactions.finishSignIn(exchange, uid, { user, method: 'password', meta: { actor: { type: 'user', id: user }, origin } })
          : await this.interactions.finishConsent(exchange, uid, meta)
    if (answered) reply.hijack()
    else void reply.status(404).send('expired')
  }

  @Get('account')
  async account(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    void reply.send((await this.interactions.currentUser({ slug, req: request.raw, res: reply.raw, address: request.ip })) ?? {})
  }

  @Get('enter')
  async enter(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    void reply.send(
      await this.interactions.startSession({ slug, req: request.raw, res: reply.raw, address: request.ip }, { user: 'usr_ada', method: 'set-up', meta }),
    )
  }

  @Get('leave')
  async leave(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.interactions.endSession({ slug, req: request.raw, res: reply.raw, address: request.ip }, meta)
    void reply.send({})
  }
}

const played = { controllers: [PlayedPages], providers: [PlayedAccounts, { provide: AccountSource, useExisting: PlayedAccounts }, ProviderPages] }
const { config, ...slices } = joinSlices([oidcSlice, played])
const definition = defineService({
  name: 'identity',
  title: 'Identity',
  ...slices,
  config: z.object(config),
  events: identityEvents,
  routes: ['/api/v1/identity', '/t'],
  mount: mountProvider,
})

export interface PlayedClient {
  readonly id: string
  readonly secret: string | undefined
  readonly config: oidc.Configuration
}

export interface SignedIn {
  readonly visit: Visit
  readonly verifier: string
}

type Settings = Partial<ClientSettings> & Pick<ClientSettings, 'kind' | 'grantTypes'>

export const spa: Settings = { kind: 'spa', grantTypes: ['authorization_code', 'refresh_token'], firstParty: true }
export const machine: Settings = { kind: 'machine', grantTypes: ['client_credentials'] }
export const callback = 'http://rp.test/callback'

export class ProviderUnderTest {
  private constructor(readonly service: ServiceUnderTest) {
    this.person('usr_ada', { email: 'ada@example.org', emailVerified: true, name: 'Ada', locale: 'en', updatedAt: 1_700_000_000_000 })
  }

  static async start(env: Record<string, string> = {}): Promise<ProviderUnderTest> {
    const clock = new SystemClock()
    return new ProviderUnderTest(
      await ServiceUnderTest.start(definition, sqliteAdapters({ folder: ':memory:', clock, claimKey: new Uint8Array(32).fill(1) }), env),
    )
  }

  get baseUrl(): string {
    return this.service.baseUrl
  }

  get<T>(token: abstract new (...args: any[]) => T): T {
    return this.service.host.get(token)
  }

  person(user: string, account: Partial<Account> = {}): void {
    const unknown = { email: undefined, emailVerified: false, name: undefined, locale: undefined, updatedAt: undefined }
    this.get(PlayedAccounts).people.set(user, { ...unknown, user, status: 'active', ...account })
  }

  /** Whoever asks may: who may is the engine's business, and has its own specs. */
  everybodyMay(): void {
    this.get(AccessEngine).guards = async () => true
  }

  issuer(slug: string): string {
    return `${this.baseUrl}/t/${slug}`
  }

  async tenant(slug: string): Promise<string> {
    const id = this.id('tenant')
    await this.service.tell('admin', { tenant: id, category: 'tenant', id }, tenantCreated.of({ data: { slug, name: slug.toUpperCase() } }))
    return id
  }

  /** Registers a client of `<slug>`, gives it a secret if it keeps one, and sets up openid-client for it. */
  async client(tenant: string, slug: string, settings: Settings): Promise<PlayedClient> {
    const id = this.id('client')
    const redirectUris = settings.kind === 'machine' ? [] : [callback]
    const data = { application: this.id('application'), settings: clientSettings.parse({ name: 'Client', redirectUris, ...settings }) }
    await this.service.tell('admin', { tenant, category: 'client', id }, clientRegistered.of({ data }))
    const secret = (settings.kind === 'web' || settings.kind === 'machine') && !settings.publicKeys ? await this.secret(tenant, id) : undefined
    const config = await oidc.discovery(new URL(this.issuer(slug)), id, secret, secret === undefined ? oidc.None() : undefined, {
      execute: [oidc.allowInsecureRequests],
    })
    return { id, secret, config }
  }

  async secret(tenant: string, client: string): Promise<string> {
    return orThrow(await this.get(ClientSecrets).create({ tenant, client, secretId: this.id('secret'), meta })).secret
  }

  browser(headers: Record<string, string> = {}): Browser {
    return new Browser(this.baseUrl, headers)
  }

  /** Asks for a code and follows until the relying party's address. */
  async authorize({ config }: PlayedClient, browser: Browser = this.browser(), parameters: Record<string, string> = {}): Promise<SignedIn> {
    const verifier = oidc.randomPKCECodeVerifier()
    const challenge = { code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }
    const url = oidc.buildAuthorizationUrl(config, { redirect_uri: callback, scope: 'openid', ...challenge, ...parameters })
    return { visit: await browser.visit(url), verifier }
  }

  exchange({ config }: PlayedClient, { visit, verifier }: SignedIn): ReturnType<typeof oidc.authorizationCodeGrant> {
    return oidc.authorizationCodeGrant(config, visit.url, { pkceCodeVerifier: verifier })
  }

  /** Code and token in one. */
  async signIn(client: PlayedClient, browser?: Browser, parameters?: Record<string, string>) {
    return this.exchange(client, await this.authorize(client, browser, parameters))
  }

  /** Events that identity wrote for a tenant, in order, or those of one type. */
  async events(tenant: string, type?: string): Promise<{ type: string; data: Record<string, unknown>; meta: { client?: string }; stream: { id: string } }[]> {
    const found = []
    for (let after = 0; ;) {
      const batch = await this.service.core.store.readAll({ p: 0, seq: after }, 500)
      if (batch.length === 0) return found as never
      found.push(...batch.filter((event) => event.stream.tenant === tenant && (type === undefined || event.type === type)))
      after = batch.at(-1)?.position.seq ?? after
    }
  }

  id(kind: IdKind): string {
    return makeId(kind, Date.now(), (into) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>))
  }

  close(): Promise<void> {
    return this.service.close()
  }
}
