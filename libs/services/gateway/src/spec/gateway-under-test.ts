/** The gateway before a service of its own, on a real port: identity and admin are heard through their events, tokens are signed as identity signs them. */
import { randomBytes, randomUUID } from 'node:crypto'
import { createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Body, Controller, Get, Post } from '@nestjs/common'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose'
import {
  clientDeleted,
  clientRegistered,
  clientSettings,
  eventCatalogue,
  sessionEnded,
  signingKeyCreated,
  signingKeyRetired,
  tenantCreated,
  userBlocked,
  userUnblocked,
  type AnyEventType,
  type ClientSettings,
} from '@pavan/contracts'
import { Clock, orThrow, type DomainEvent } from '@pavan/kernel'
import { BodyLimit, maxBodyLimit } from '@pavan/platform/http/body-limit.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { Public, SignedIn } from '@pavan/platform/http/public.js'
import { LocalKeyEncryptionKey } from '@pavan/platform/privacy/kek.js'
import { defineService } from '@pavan/platform/service/define-service.js'
import { runServices, type Running } from '@pavan/platform/service/run-services.js'
import { ServiceCore } from '@pavan/platform/service/service-core.js'
import { makeLog } from '@pavan/platform/telemetry/log.js'
import { until } from '@pavan/platform/testing/until.js'
import { sqliteAdapters } from '@pavan/sqlite'
import { gatewayService } from '../gateway.service.js'

/** The real time, which a spec may move on. */
export class MovedClock extends Clock {
  ahead = 0
  now(): number {
    return Date.now() + this.ahead
  }
}

/** Requests that wait here stay in flight. */
export const waiting: { release: () => void; held: Promise<void>; inside: number } = { release: () => {}, held: Promise.resolve(), inside: 0 }

@Controller()
class Echo {
  @Get('/api/v1/echo')
  @SignedIn()
  who(@Caller() caller: CallerIdentity) {
    return caller
  }

  @Post('/api/v1/echo')
  @SignedIn()
  body(@Body() body: unknown) {
    return { got: JSON.stringify(body).length }
  }

  @Post('/api/v1/echo/large')
  @SignedIn()
  @BodyLimit(maxBodyLimit)
  large(@Body() body: unknown) {
    return { got: JSON.stringify(body).length }
  }

  @Get('/api/v1/echo/open')
  @Public()
  open() {
    return { open: true }
  }

  @Get('/api/v1/echo/slow')
  @Public()
  async slow() {
    waiting.inside++
    await waiting.held
    return { slow: true }
  }

  @Get('/api/v1/echo/broken')
  @Public()
  broken() {
    throw new Error('a value of ada@example.org could not be read')
  }

  @Get('/t/:slug/page')
  @Public()
  page() {
    return { page: true }
  }
}

const echoService = defineService({ name: 'profiles', title: 'Echo', controllers: [Echo], routes: ['/api/v1/echo', '/t'] })

const anything = (category: string) => ({ category, initial: null, decide: (events: readonly DomainEvent[]) => events, evolve: () => null })

export interface Key {
  readonly kid: string
  readonly privateKey: CryptoKey
}

export interface GatewayAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: any
}

export interface Ask {
  readonly method?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export class GatewayUnderTest {
  private constructor(
    readonly clock: MovedClock,
    private readonly running: Running,
    readonly local: string,
    private readonly writers: Readonly<Record<'identity' | 'admin', ServiceCore>>,
  ) {}

  static async start(
    env: Readonly<Record<string, string>> = {},
    options: { readonly baseUrl?: string; readonly trustProxy?: number } = {},
  ): Promise<GatewayUnderTest> {
    const clock = new MovedClock()
    const adapters = sqliteAdapters({ folder: ':memory:', clock, claimKey: randomBytes(32) })
    const kek = new LocalKeyEncryptionKey(randomBytes(32))
    const log = makeLog({ level: (process.env.PAVAN_SPEC_LOG as 'info') ?? 'silent', format: 'json' })
    const shared = { adapters, clock, env, kek, log, trustProxy: options.trustProxy ?? 0, version: 'spec' }
    // Where another base URL is announced, the port has to be known beforehand.
    const port = options.baseUrl === undefined ? 0 : await freePort()
    const running = await runServices({
      ...shared,
      services: [echoService, gatewayService],
      port,
      host: '127.0.0.1',
      ...(options.baseUrl ? { baseUrl: options.baseUrl } : {}),
    })
    const { baseUrl } = running
    const environment = { ...shared, directory: { baseUrl, list: () => [], add: () => {}, guard: () => {} } }
    const open = async (name: string) => {
      const core = await ServiceCore.open({ name, title: name, routes: [] }, environment, [])
      await core.relay.start()
      return core
    }
    return new GatewayUnderTest(clock, running, port === 0 ? baseUrl.replace('localhost', '127.0.0.1') : `http://127.0.0.1:${port}`, {
      identity: await open('identity'),
      admin: await open('admin'),
    })
  }

  get baseUrl(): string {
    return this.running.baseUrl
  }

  async happens(service: 'identity' | 'admin', tenant: string, category: string, id: string, ...events: readonly DomainEvent[]): Promise<void> {
    const types = events.map(({ type }) => eventCatalogue.get(type) as AnyEventType)
    const aggregate = this.writers[service].aggregates.of(anything(category), { events: types })
    orThrow(await aggregate.handle({ tenant, id, meta: { actor: { type: 'system', id: 'spec' } } }, events))
  }

  /** A tenant with an issuer and one key that signs. */
  async tenant(id: string): Promise<Key> {
    await this.happens('admin', id, 'tenant', id, tenantCreated.of({ data: { slug: slugOf(id), name: id } }))
    const key = await this.addKey(id)
    await this.accepted(await this.token(id, key))
    return key
  }

  async addKey(tenant: string): Promise<Key> {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const kid = randomUUID()
    const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }
    const event = signingKeyCreated.of({ data: { kid, alg: 'ES256', jwk, activeFrom: this.clock.now() } as never, secret: { jwk } as never })
    await this.happens('identity', tenant, 'signing-keys', tenant, event)
    return { kid, privateKey }
  }

  retireKey(tenant: string, key: Key, verifiedUntil: number): Promise<void> {
    return this.happens('identity', tenant, 'signing-keys', tenant, signingKeyRetired.of({ data: { kid: key.kid, verifiedUntil } }))
  }

  endSession(tenant: string, session: string): Promise<void> {
    return this.happens('identity', tenant, 'session', session, sessionEnded.of({ data: { user: 'usr_ada', reason: 'revoked' } }))
  }

  block(tenant: string, user: string): Promise<void> {
    return this.happens('identity', tenant, 'user', user, userBlocked.of({ data: {} }))
  }

  unblock(tenant: string, user: string): Promise<void> {
    return this.happens('identity', tenant, 'user', user, userUnblocked.of({ data: {} }))
  }

  registerClient(tenant: string, client: string, settings: Partial<ClientSettings>): Promise<void> {
    const data = { application: 'app_1', settings: clientSettings.parse({ name: 'C', grantTypes: ['authorization_code'], redirectUris: [], ...settings }) }
    return this.happens('admin', tenant, 'client', client, clientRegistered.of({ data }))
  }

  deleteClient(tenant: string, client: string): Promise<void> {
    return this.happens('admin', tenant, 'client', client, clientDeleted.of({ data: { application: 'app_1' } }))
  }

  /** An access token as identity makes it (RFC 9068); a spec bends it as it likes. */
  token(tenant: string, key: Key, claims: JWTPayload & Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const all = {
      iss: `${this.baseUrl}/t/${slugOf(tenant)}`,
      aud: `${this.baseUrl}/api`,
      sub: 'usr_ada',
      client_id: 'cli_web',
      sid: 'ses_1',
      scope: 'openid profile',
      tenant,
      jti: randomUUID(),
      iat: now,
      exp: now + 300,
      ...claims,
    }
    const clean = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
    return new SignJWT(clean).setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'at+jwt', ...header }).sign(key.privateKey)
  }

  async ask(path: string, { method = 'GET', token, headers, body }: Ask = {}): Promise<GatewayAnswer> {
    const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(`${this.local}${path}`, {
      method,
      redirect: 'manual',
      headers: { ...authorization, ...type, ...headers },
      ...(body === undefined ? {} : { body }),
    })
    return answerOf(response.status, response.headers, await response.text())
  }

  /** Sends the request target as it is written, which fetch would tidy up. */
  async raw(target: string, { method = 'GET', token, headers }: Ask = {}): Promise<GatewayAnswer> {
    const { hostname, port } = new URL(this.local)
    return new Promise((resolve, reject) => {
      const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
      send({ hostname, port, path: target, method, agent: false, headers: { ...authorization, ...headers } }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const list = Object.entries(response.headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as [string, string]]))
          resolve(answerOf(response.statusCode ?? 0, new Headers(list), Buffer.concat(chunks).toString()))
        })
      })
        .on('error', reject)
        .end()
    })
  }

  async accepted(token: string): Promise<void> {
    await until(async () => (await this.ask('/api/v1/echo', { token })).status === 200, 'the token to be accepted')
  }

  async close(): Promise<void> {
    await this.writers.identity.close()
    await this.writers.admin.close()
    await this.running.close()
  }
}

const slugOf = (tenant: string): string => tenant.replaceAll('_', '-')

const answerOf = (status: number, headers: Headers, text: string): GatewayAnswer => ({
  status,
  headers,
  text,
  body: /json/.test(headers.get('content-type') ?? '') && text ? JSON.parse(text) : undefined,
})

const freePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}
