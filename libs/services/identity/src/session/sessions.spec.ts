import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { subjectErased, userBlocked, userPasswordChanged } from '@pavan/contracts'
import { AccessEngine } from '@pavan/platform/access/access-engine.js'
import { KeyRing } from '@pavan/platform/privacy/key-ring.js'
import { user } from '@pavan/platform/testing/service-under-test.js'
import { until } from '@pavan/platform/testing/until.js'
import { ProviderUnderTest, spa, type PlayedClient } from '../spec/provider-under-test.js'
import type { Browser } from '../spec/browser.js'
import { Sessions } from './sessions.js'

let system: ProviderUnderTest
beforeAll(async () => {
  system = await ProviderUnderTest.start()
})
afterAll(() => system.close())

const alive = async (client: PlayedClient, token: string | undefined): Promise<boolean> => {
  const { active } = await oidc.tokenIntrospection(client.config, token as string)
  return active
}
const reasons = async (tenant: string) => (await system.events(tenant, 'session.ended')).map(({ data }) => data.reason)
const sidOf = async (client: PlayedClient, token: string) =>
  decodeJwt((await oidc.refreshTokenGrant(client.config, token, { resource: `${system.baseUrl}/api` })).access_token).sid as string

test('people see where they are signed in, and end what they like', async () => {
  const tenant = await system.tenant('own')
  const client = await system.client(tenant, 'own', spa)
  const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
  const first = await system.signIn(client, system.browser({ 'user-agent': agent }))
  const second = await system.signIn(client)
  const third = await system.signIn(client)
  const as = { ...user(tenant, 'usr_ada'), session: await sidOf(client, first.refresh_token as string) }
  const { body } = await system.service.call('GET', '/api/v1/identity/sessions', { as })
  expect(body.items).toHaveLength(3)
  expect(body.items[2]).toMatchObject({ id: as.session, current: true, method: 'password', device: 'Firefox on Linux', address: '127.0.0.1' })

  const [newest] = body.items as { id: string }[]
  expect((await system.service.call('DELETE', `/api/v1/identity/sessions/${newest?.id}`, { as })).status).toBe(204)
  expect(await alive(client, third.refresh_token)).toBe(false)
  expect(await alive(client, second.refresh_token)).toBe(true)
  expect((await system.service.call('DELETE', `/api/v1/identity/sessions/${newest?.id}`, { as })).body).toMatchObject({ code: 'identity.session.not-found' })
  const others = await system.service.call('DELETE', '/api/v1/identity/sessions?keepCurrent=true', { as })
  expect(others.body).toEqual({ ended: 1 })
  expect(await alive(client, second.refresh_token)).toBe(false)
  expect((await system.service.call('GET', '/api/v1/identity/sessions', { as })).body.items).toHaveLength(1)
  expect(await reasons(tenant)).toEqual(['revoked', 'revoked'])
})

test("an administrator sees a person's sessions, and ends one or all", async () => {
  jest.spyOn(system.get(AccessEngine), 'guards').mockResolvedValue(true)
  const tenant = await system.tenant('admin')
  const client = await system.client(tenant, 'admin', spa)
  const tokens = [await system.signIn(client), await system.signIn(client), await system.signIn(client)]
  const as = user(tenant, 'usr_admin')
  const path = '/api/v1/identity/users/usr_ada/sessions'
  const { items } = (await system.service.call('GET', path, { as })).body as { items: { id: string; current: boolean }[] }
  expect(items.map(({ current }) => current)).toEqual([false, false, false])
  expect((await system.service.call('DELETE', `${path}/${items[0]?.id}`, { as })).status).toBe(204)
  expect((await system.service.call('DELETE', `/api/v1/identity/users/usr_eve/sessions/${items[1]?.id}`, { as })).status).toBe(404)
  expect(await Promise.all(tokens.map(({ refresh_token }) => alive(client, refresh_token)))).toEqual([true, true, false])
  expect((await system.service.call('DELETE', path, { as })).body).toEqual({ ended: 2 })
  expect(await Promise.all(tokens.map(({ refresh_token }) => alive(client, refresh_token)))).toEqual([false, false, false])
  jest.restoreAllMocks()
})

test("nobody ends another's session, in the same tenant or another", async () => {
  const tenant = await system.tenant('foreign')
  const client = await system.client(tenant, 'foreign', spa)
  const tokens = await system.signIn(client)
  const [row] = await system.get(Sessions).list(tenant, 'usr_ada')
  for (const as of [user(tenant, 'usr_eve'), user(await system.tenant('foreign-two'), 'usr_ada')]) {
    expect((await system.service.call('DELETE', `/api/v1/identity/sessions/${row?.id}`, { as })).status).toBe(404)
    expect((await system.service.call('GET', '/api/v1/identity/sessions', { as })).body).toEqual({ items: [] })
  }
  expect(await alive(client, tokens.refresh_token)).toBe(true)
})

test('a revoked session is nobody at the pages, and its codes and access tokens are dead', async () => {
  const tenant = await system.tenant('revoked')
  const client = await system.client(tenant, 'revoked', spa)
  const browser = system.browser()
  const tokens = await system.signIn(client, browser)
  const pending = await system.authorize(client, browser)
  const account = async () => JSON.parse((await browser.visit(`${system.issuer('revoked')}/account`)).body) as { user?: string }
  expect((await account()).user).toBe('usr_ada')
  const meta = { actor: { type: 'system', id: 'spec' } } as const
  expect(await system.get(Sessions).endAll(tenant, 'usr_ada', 'revoked', { meta })).toBe(1)
  expect(await account()).toEqual({})
  await expect(system.exchange(client, pending)).rejects.toMatchObject({ error: 'invalid_grant' })
  await expect(oidc.fetchUserInfo(client.config, tokens.access_token, 'usr_ada')).rejects.toThrow(/./)
  expect((await system.authorize(client, browser)).visit.steps).toEqual(['login'])
})

test('the pages can start and end a session without an application', async () => {
  const tenant = await system.tenant('pages')
  const browser = system.browser()
  const visit = async (page: string) => JSON.parse((await browser.visit(`${system.issuer('pages')}/${page}`)).body) as Record<string, unknown>
  const entered = await visit('enter')
  expect(entered).toMatchObject({ tenant, user: 'usr_ada', session: expect.stringMatching(/^ses_/) })
  expect(await visit('account')).toEqual(entered)
  await visit('leave')
  expect(await visit('account')).toEqual({})
  expect((await system.events(tenant)).map(({ type }) => type).slice(1)).toEqual(['session.started', 'sign-in.succeeded', 'session.ended'])
})

test('a session survives a new cookie, and a cookie of before is nobody', async () => {
  const tenant = await system.tenant('rotated')
  const client = await system.client(tenant, 'rotated', spa)
  const browser = system.browser()
  await system.signIn(client, browser)
  const before = [...browser.cookies]
  await system.authorize(client, browser, { prompt: 'login' })
  expect(await system.get(Sessions).list(tenant, 'usr_ada')).toHaveLength(1)
  const old = system.browser()
  old.cookies = before
  expect(JSON.parse((await old.visit(`${system.issuer('rotated')}/account`)).body)).toEqual({})
  expect((await system.events(tenant, 'sign-in.succeeded')).map(({ data }) => data.method)).toEqual(['password', 'password'])
})

test('whoever was erased while their password was checked is refused, and has no session', async () => {
  const tenant = await system.tenant('late')
  const meta = { actor: { type: 'user', id: 'usr_late' }, origin: { address: '192.0.2.1' } } as const
  await system.get(Sessions).start({ tenant, user: 'usr_late', method: 'password', meta }, 60)
  await system.get(KeyRing).destroy(tenant, 'usr_late')
  const late = system.get(Sessions).start({ tenant, user: 'usr_late', method: 'password', meta }, 60)
  await expect(late).rejects.toMatchObject({ code: 'request.subject.erased' })
  expect(await system.get(Sessions).list(tenant, 'usr_late')).toHaveLength(1)
})

describe('what happens to the person ends sessions', () => {
  const cases = [
    ['password-changed', (session: string) => userPasswordChanged.of({ data: { method: 'change', session }, secret: { passwordHash: 'x' } }), 1],
    ['password-changed', () => userPasswordChanged.of({ data: { method: 'reset' }, secret: { passwordHash: 'x' } }), 2],
    ['blocked', () => userBlocked.of({ data: {} }), 2],
  ] as const

  test.each(cases)('%s (%#)', async (reason, event, count) => {
    const slug = `events-${cases.findIndex((one) => one[1] === event)}`
    const tenant = await system.tenant(slug)
    const client = await system.client(tenant, slug, spa)
    const [kept, other] = [await system.signIn(client), await system.signIn(client)]
    const session = await sidOf(client, kept.refresh_token as string)
    await system.service.append('identity', { tenant, category: 'user', id: 'usr_ada' }, [event(session)])
    await until(async () => (await reasons(tenant)).length === count)
    expect(await reasons(tenant)).toEqual(Array.from({ length: count }, () => reason))
    await until(async () => !(await alive(client, other.refresh_token)))
  })

  test('erased', async () => {
    const tenant = await system.tenant('erased')
    const client = await system.client(tenant, 'erased', spa)
    const tokens = await system.signIn(client)
    await system.service.append('profiles', { tenant, category: 'subject', id: 'usr_ada' }, [subjectErased.of({ data: { user: 'usr_ada', erasure: 'era_1' } })])
    await until(async () => !(await alive(client, tokens.refresh_token)))
    await until(async () => (await system.get(Sessions).list(tenant, 'usr_ada')).length === 0)
  })
})

describe('logout', () => {
  const logout = async (client: PlayedClient, browser: Browser, idToken: string) => {
    const asked = await browser.visit(
      oidc.buildEndSessionUrl(client.config, { id_token_hint: idToken, post_logout_redirect_uri: 'http://rp.test/bye', state: 'x' }),
    )
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(asked.body)?.[1] as string
    return browser.visit(/action="([^"]+)"/.exec(asked.body)?.[1] as string, { method: 'POST', body: new URLSearchParams({ xsrf, logout: 'yes' }) })
  }

  test('started by the client ends the session for all of its clients', async () => {
    const tenant = await system.tenant('logout')
    const first = await system.client(tenant, 'logout', { ...spa, postLogoutRedirectUris: ['http://rp.test/bye'] })
    const second = await system.client(tenant, 'logout', spa)
    const browser = system.browser()
    const tokens = await system.signIn(first, browser)
    const seen = await system.signIn(second, browser)
    expect((await logout(first, browser, tokens.id_token as string)).url.href).toBe('http://rp.test/bye?state=x')
    expect(await reasons(tenant)).toEqual(['logout'])
    expect([await alive(first, tokens.refresh_token), await alive(second, seen.refresh_token)]).toEqual([false, false])
  })

  test('given that the person stays, then only the client forgets', async () => {
    const tenant = await system.tenant('stay')
    const client = await system.client(tenant, 'stay', { ...spa, postLogoutRedirectUris: ['http://rp.test/bye'] })
    const browser = system.browser()
    await system.signIn(client, browser)
    const page = await browser.visit(`${system.issuer('stay')}/session/end`)
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.body)?.[1] as string
    await browser.visit(`${system.issuer('stay')}/session/end/confirm`, { method: 'POST', body: new URLSearchParams({ xsrf }) })
    expect(await reasons(tenant)).toEqual([])
    expect(await system.get(Sessions).list(tenant, 'usr_ada')).toHaveLength(1)
  })
})
