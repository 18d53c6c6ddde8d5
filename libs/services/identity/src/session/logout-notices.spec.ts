/** OpenID Connect Back-Channel Logout 1.0 against a real server of a client, which is down, slow to learn, or where it must not be. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oidc from 'openid-client'
import { Rows } from '@pavan/platform/views/rows.js'
import { patch } from '@pavan/platform/views/changes.js'
import { until } from '@pavan/platform/testing/until.js'
import { ProviderUnderTest, spa, type PlayedClient } from '../spec/provider-under-test.js'
import type { Browser } from '../spec/browser.js'
import { LogoutNotices } from './logout-notices.js'
import { logoutNotices } from './logout-notices.table.js'
import { Sessions } from './sessions.js'

const meta = { actor: { type: 'system', id: 'spec' } } as const

/** The server of a client. It answers with `status` and keeps what it was told. */
class Told {
  status = 200
  readonly tokens: string[] = []
  private constructor(private readonly server: Server) {}

  static async listen(): Promise<Told> {
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        told.tokens.push(new URLSearchParams(body).get('logout_token') as string)
        response.writeHead(told.status).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const told = new Told(server)
    return told
  }

  get backchannelLogoutUri(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`
  }

  close(): void {
    this.server.closeAllConnections()
    this.server.close()
  }
}

let system: ProviderUnderTest
let told: Told
beforeEach(async () => {
  // The library's own guard cannot be set up within Jest and says so; ours is used (oidc/provider-outbound.ts).
  jest.spyOn(console, 'warn').mockImplementation(() => {})
  told = await Told.listen()
})
afterEach(async () => {
  told.close()
  await system.close()
})

const waiting = async (from: ProviderUnderTest = system) => (await from.get(Rows).find(logoutNotices, { index: 'byDue', range: { gte: 0 }, limit: 10 })).items

/** What the next round of the job does, without waiting for it. */
const nextRound = async () => {
  for (const { tenant, client, sid } of await waiting()) {
    await system.get(Rows).apply([patch(logoutNotices, `${tenant}/${client}/${sid}`, { dueAt: 0 })])
  }
  await system.get(LogoutNotices).deliver()
}

const logout = async (client: PlayedClient, browser: Browser, answer: Record<string, string>) => {
  const asked = await browser.visit(oidc.buildEndSessionUrl(client.config, {}))
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(asked.body)?.[1] as string
  return browser.visit(/action="([^"]+)"/.exec(asked.body)?.[1] as string, { method: 'POST', body: new URLSearchParams({ xsrf, ...answer }) })
}

test('a sign-out at one client tells the others once, by a logout token that they can verify', async () => {
  system = await ProviderUnderTest.start()
  const tenant = await system.tenant('told')
  const [first, other] = [
    await system.client(tenant, 'told', spa),
    await system.client(tenant, 'told', { ...spa, backchannelLogoutUri: told.backchannelLogoutUri }),
  ]
  const browser = system.browser()
  await system.signIn(first, browser)
  const seen = await system.signIn(other, browser)
  await logout(first, browser, { logout: 'yes' })
  await until(async () => told.tokens.length === 1 && (await waiting()).length === 0)
  await nextRound()
  expect(told.tokens).toHaveLength(1)
  const jwks = createRemoteJWKSet(new URL(`${system.issuer('told')}/jwks`))
  const { payload } = await jwtVerify(told.tokens[0] as string, jwks, { issuer: system.issuer('told'), audience: other.id, typ: 'logout+jwt' })
  expect(payload).toMatchObject({
    sub: 'usr_ada',
    sid: seen.claims()?.sid,
    jti: expect.any(String),
    iat: expect.any(Number),
    exp: expect.any(Number),
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  })
  expect(payload).not.toHaveProperty('nonce')
})

test('a client that is down does not hold up the sign-out, and is told when it is back, however many copies try', async () => {
  system = await ProviderUnderTest.start()
  const tenant = await system.tenant('down')
  const client = await system.client(tenant, 'down', { ...spa, backchannelLogoutUri: told.backchannelLogoutUri })
  await system.signIn(client)
  told.status = 503
  expect(await system.get(Sessions).endAll(tenant, 'usr_ada', 'revoked', { meta })).toBe(1)
  await until(() => told.tokens.length === 1)
  await nextRound()
  expect(told.tokens).toHaveLength(2)
  expect(await waiting()).toMatchObject([{ client: client.id, tries: 2 }])
  told.status = 200
  await Promise.all(Array.from({ length: 20 }, nextRound))
  expect(await waiting()).toEqual([])
  expect(told.tokens).toHaveLength(3)
})

test('a session that ends while nobody can send is not forgotten', async () => {
  system = await ProviderUnderTest.start()
  const tenant = await system.tenant('crash')
  const client = await system.client(tenant, 'crash', { ...spa, backchannelLogoutUri: told.backchannelLogoutUri })
  const { claims } = await system.signIn(client)
  // As if the process died after the commit: nothing is sent.
  jest.spyOn(system.get(LogoutNotices), 'deliver').mockResolvedValue(undefined)
  await system.get(Sessions).endAll(tenant, 'usr_ada', 'blocked', { meta })
  jest.restoreAllMocks()
  expect(await waiting()).toMatchObject([{ tenant, client: client.id, user: 'usr_ada', sid: claims()?.sid, tries: 0 }])
  await nextRound()
  expect(told.tokens).toHaveLength(1)
})

test('given that the person stays signed in elsewhere, then the client that asked is told alone', async () => {
  system = await ProviderUnderTest.start()
  const tenant = await system.tenant('stays')
  const client = await system.client(tenant, 'stays', { ...spa, backchannelLogoutUri: told.backchannelLogoutUri })
  const browser = system.browser()
  await system.signIn(client, browser)
  await logout(client, browser, {})
  await until(() => told.tokens.length === 1)
  expect(await system.get(Sessions).list(tenant, 'usr_ada')).toHaveLength(1)
})

test('an address of a private network is not called unless its host is named', async () => {
  system = await ProviderUnderTest.start({ PAVAN_PRIVATE_HOSTS: 'intranet.example' })
  const tenant = await system.tenant('private')
  const client = await system.client(tenant, 'private', { ...spa, backchannelLogoutUri: told.backchannelLogoutUri })
  await system.signIn(client)
  await system.get(Sessions).endAll(tenant, 'usr_ada', 'revoked', { meta })
  await until(async () => (await waiting())[0]?.tries === 1)
  await nextRound()
  expect((await waiting())[0]?.tries).toBe(2)
  expect(told.tokens).toEqual([])
})
