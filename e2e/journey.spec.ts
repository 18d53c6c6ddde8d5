/** Promise 1: the whole way of a person, over HTTP, by openid-client against the system as a user starts it. */
import * as oidc from 'openid-client'
import { call, expectStatus } from './support/http.js'
import { expectEachStepOnce } from './support/story.js'
import { eventually } from './support/parallel.js'
import { System } from './support/system.js'
import { authorizationUrl, callback, exchange, makeTenant, signIn, signUp, type Tenant } from './support/tenant.js'

let system: System
let tenant: Tenant
beforeAll(async () => {
  system = await System.start()
  tenant = await makeTenant(system, 'acme')
}, 60_000)
afterAll(() => system?.[Symbol.asyncDispose]())

const ada = { email: 'ada@example.org', password: 'correct horse battery staple 9' }

test('from sign-up to erasure', async () => {
  const { api } = tenant
  const first = await signUp(system, tenant, ada)
  const tokens = await exchange(tenant, first.browser.url, first.verifier)
  const user = tokens.claims()?.sub as string
  expect(user).toMatch(/^usr_/)
  expect(await oidc.fetchUserInfo(tenant.config, tokens.access_token, user)).toMatchObject({
    sub: user,
    email: ada.email,
    email_verified: true,
    name: 'Ada Person',
  })

  const refreshed = await oidc.refreshTokenGrant(tenant.config, tokens.refresh_token as string, { resource: `${system.base}/api` })
  const token = refreshed.access_token
  expect(refreshed.refresh_token).not.toBe(tokens.refresh_token)

  const me = await call(`${system.base}/api/v1/identity/me`, { token })
  expect(expectStatus(me, 200).json).toMatchObject({ id: user, email: ada.email, emailVerified: true, status: 'active' })

  // A guarded API refuses, and allows once the role is there, as new as the position that the change answered.
  await api('POST', '/api/v1/authorization/resources', { key: 'orders', name: 'Orders', privileges: [{ action: 'read' }] })
  await api('POST', '/api/v1/authorization/policies', {
    key: 'own-orders',
    name: 'Own orders',
    rules: [
      { action: 'read', subject: 'orders', conditions: { owner: user } },
      { action: 'read', subject: 'audit' },
    ],
  })
  await api('POST', '/api/v1/authorization/roles', { key: 'buyer', name: 'Buyer', policies: ['own-orders'] })
  const decide = async (owner: string, position?: string) =>
    (
      await api(
        'POST',
        '/api/v1/authorization/decisions',
        { subject: user, action: 'read', resource: 'orders', facts: { owner } },
        position ? { 'pavan-wait-for': position } : {},
      )
    ).json.allowed
  const callsAudit = async (position?: string) =>
    (await call(`${system.base}/api/v1/audit/records`, { token, headers: position ? { 'pavan-wait-for': position } : {} })).status
  expect([await decide(user), await callsAudit()]).toEqual([false, 403])
  const assigned = await api('POST', '/api/v1/authorization/assignments', { subject: user, role: 'buyer' })
  expect([await decide(user, assigned.position), await callsAudit(assigned.position)]).toEqual([true, 200])
  expect(await decide('usr_other', assigned.position)).toBe(false)
  const unassigned = await api('DELETE', `/api/v1/authorization/assignments/${user}~buyer`)
  expect([await decide(user, unassigned.position), await callsAudit(unassigned.position)]).toEqual([false, 403])

  const patched = await call(`${system.base}/api/v1/profiles/me`, { method: 'PATCH', token, json: { attributes: { nickname: 'Countess' } } })
  expect(expectStatus(patched, 200).json.attributes).toMatchObject({ nickname: 'Countess' })

  // Single sign-on is not asked for the password again.
  const again = await authorizationUrl(system, tenant)
  await first.browser.open(again.url)
  expect(first.browser.url).toContain('code=')

  // Signed out by the application: the gateway and the provider refuse what was given.
  await first.browser.open(
    oidc.buildEndSessionUrl(tenant.config, { id_token_hint: tokens.id_token as string, post_logout_redirect_uri: `${callback}/bye`, state: 'bye' }).href,
  )
  await first.browser.submit({ logout: 'yes' }, { having: 'xsrf' })
  expect(first.browser.url).toBe(`${callback}/bye?state=bye`)
  await eventually(async () => (await call(`${system.base}/api/v1/identity/me`, { token })).status === 401, 5_000)
  await expect(oidc.refreshTokenGrant(tenant.config, refreshed.refresh_token as string)).rejects.toMatchObject({ error: 'invalid_grant' })

  await expectEachStepOnce(tenant, user)

  const erasure = (await api('POST', `/api/v1/profiles/${user}/erasure`)).json
  const done = await eventually(async () => {
    const answer = (await api('GET', `/api/v1/profiles/erasures/${erasure.id}`)).json
    return answer.receipt ? answer : undefined
  }, 60_000)
  expect(done.receipt).toBeTruthy()
  await expectEachStepOnce(tenant, user)

  // The address is free: whoever comes with it now is somebody else.
  const fresh = await signUp(system, tenant, ada)
  const freshTokens = await exchange(tenant, fresh.browser.url, fresh.verifier)
  expect(freshTokens.claims()?.sub).not.toBe(user)
}, 60_000)

test('whoever has an account signs in with it, and a wrong password says nothing more', async () => {
  const bea = { email: 'bea@example.org', password: 'a quite long passphrase 42' }
  await signUp(system, tenant, bea)
  const wrong = await signIn(system, tenant, { ...bea, password: 'wrong' })
  const unknown = await signIn(system, tenant, { email: 'nobody@example.org', password: 'wrong' })
  const shown = (page: string) => /role="alert">([^<]+)</.exec(page)?.[1]
  expect([wrong.browser.status, shown(wrong.browser.page)]).toEqual([unknown.browser.status, shown(unknown.browser.page)])
  const right = await signIn(system, tenant, bea)
  expect((await exchange(tenant, right.browser.url, right.verifier)).claims()?.sub).toMatch(/^usr_/)
}, 60_000)
