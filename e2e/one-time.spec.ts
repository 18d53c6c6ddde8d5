/** Promises 2 and 3: what may be used once is used once, and one address is one account. */
import * as oidc from 'openid-client'
import { Browser, call } from './support/http.js'
import { eventually, parallel } from './support/parallel.js'
import { System } from './support/system.js'
import { authorizationUrl, callback, exchange, mailTo, makeTenant, signUp, type Tenant } from './support/tenant.js'
import { operatorToken } from './support/tokens.js'

let system: System
let tenant: Tenant
beforeAll(async () => {
  system = await System.start()
  tenant = await makeTenant(system, 'once')
}, 60_000)
afterAll(() => system?.[Symbol.asyncDispose]())

const password = 'correct horse battery staple 9'
const uses = 20

const outcomes = async (run: (index: number) => Promise<boolean>): Promise<number> => (await parallel(uses, run)).filter(Boolean).length
const accepted = (grant: Promise<unknown>): Promise<boolean> =>
  grant.then(
    () => true,
    (error: { status?: number; error?: string }) => {
      expect(error).toMatchObject({ error: 'invalid_grant' })
      return false
    },
  )

test('an authorization code gives tokens once, a refresh token once, and its reuse kills the family', async () => {
  const { browser, verifier } = await signUp(system, tenant, { email: 'code@example.org', password })
  expect(await outcomes(() => accepted(exchange(tenant, browser.url, verifier)))).toBe(1)

  const { url, verifier: second } = await authorizationUrl(system, tenant)
  await browser.open(url)
  const tokens = await exchange(tenant, browser.url, second)
  const rotated: string[] = []
  const refresh = async (): Promise<unknown> => {
    const next = await oidc.refreshTokenGrant(tenant.config, tokens.refresh_token as string, { resource: `${system.base}/api` })
    rotated.push(next.refresh_token as string)
    return next
  }
  expect(await outcomes(() => accepted(refresh()))).toBe(1)
  expect(await accepted(oidc.refreshTokenGrant(tenant.config, rotated[0] as string))).toBe(false)
}, 60_000)

test('a verification code makes one account', async () => {
  const browser = new Browser(callback)
  await browser.open((await authorizationUrl(system, tenant)).url)
  await browser.open(`${browser.url.split('?')[0]}?step=sign-up`)
  await browser.submit({ email: 'verify@example.org', password, name: 'Vera' })
  const { code } = await mailTo(system, 'verify@example.org', 'verify-email')
  const { page, url } = browser
  const pages = await parallel(uses, async () => {
    const other = browser.copy()
    other.page = page
    other.url = url
    await other.submit({ code })
    return other
  })
  for (const one of pages) expect(one.status).toBeLessThan(500)
  const made = await eventually(async () => {
    const { items: listed } = (await tenant.api('GET', '/api/v1/identity/users?limit=200')).json
    return listed.filter((one: { email?: string }) => one.email === 'verify@example.org') as unknown[]
  })
  expect(made).toHaveLength(1)
}, 60_000)

test('a reset link sets one password', async () => {
  await signUp(system, tenant, { email: 'reset@example.org', password })
  const browser = new Browser(callback)
  await browser.open((await authorizationUrl(system, tenant)).url)
  await browser.open(`${browser.url.split('?')[0]}?step=forgot`)
  await browser.submit({ email: 'reset@example.org' })
  const { link } = await mailTo(system, 'reset@example.org', 'reset-password')
  const token = new URL(link).searchParams.get('token') as string
  const changed = await outcomes(async (index) => {
    const answer = await call(`${tenant.issuer}/reset`, { form: { action: 'reset', token, password: `a new long passphrase ${index} of mine` } })
    expect(answer.status).toBeLessThan(500)
    return answer.status === 200
  })
  expect(changed).toBe(1)
}, 60_000)

test('a set-up link makes one administrator', async () => {
  const token = await operatorToken(system)
  const { url } = (await call(`${system.base}/api/v1/identity/tenants/${tenant.id}/set-up-links`, { token, json: {} })).json
  const secret = new URL(url).searchParams.get('token') as string
  const made = await outcomes(async (index) => {
    const answer = await call(`${system.base}/setup`, { form: { token: secret, email: `admin${index}@example.org`, password, name: 'Admin' } })
    expect(answer.status).toBeLessThan(500)
    return answer.status === 303
  })
  expect(made).toBe(1)
}, 60_000)

test('an Idempotency-Key makes one application', async () => {
  const ids = await parallel(uses, async () => {
    try {
      return (await tenant.api('POST', '/api/v1/admin/applications', { name: 'Once' }, { 'idempotency-key': 'the-same' })).json.id as string
    } catch (error) {
      expect(String(error)).toContain('request.idempotency.in-progress')
      return undefined
    }
  })
  expect(new Set(ids.filter(Boolean)).size).toBe(1)
}, 60_000)

test('64 parallel registrations of one address in different spelling: one account', async () => {
  const spellings = ['api@example.org', 'API@example.org', 'ａｐｉ@example.org', ' Api@EXAMPLE.org ', 'api@EXAMPLE.ORG']
  const made = await parallel(64, async (index) => {
    try {
      return (await tenant.api('POST', '/api/v1/identity/users', { email: spellings[index % spellings.length] })).json.id as string
    } catch (error) {
      expect(String(error)).toContain('identity.user.email-taken')
      return undefined
    }
  })
  expect(made.filter(Boolean)).toHaveLength(1)
  // The same address in another tenant is somebody else.
  const other = await makeTenant(system, 'elsewhere')
  const { id } = (await other.api('POST', '/api/v1/identity/users', { email: 'api@example.org' })).json
  expect(made).not.toContain(id)
  await expect(other.api('GET', `/api/v1/identity/users/${made.find(Boolean)}`)).rejects.toThrow('identity.user.not-found')
}, 60_000)

test('64 parallel sign-ups with one address in different spelling make one account; plus-addresses are others', async () => {
  const spellings = ['race@example.org', 'RACE@example.org', 'ｒａｃｅ@example.org', ' Race@EXAMPLE.org ']
  const flows = await parallel(64, async (index) => {
    const browser = new Browser(callback)
    await browser.open((await authorizationUrl(system, tenant)).url)
    await browser.open(`${browser.url.split('?')[0]}?step=sign-up`)
    await browser.submit({ email: spellings[index % spellings.length] as string, password, name: `Racer ${index}` })
    return browser
  })
  const codes = await eventually(async () => {
    const { items } = (await call(`${system.base}/mailbox.json?to=race@example.org`)).json
    return items.length >= flows.filter(({ page }) => page.includes('name="code"')).length
      ? (items.map(({ code }: { code: string }) => code) as string[])
      : undefined
  })
  // Nobody knows which code belongs to which form: each form tries a few, as its five tries allow.
  await Promise.all(flows.filter(({ page }) => page.includes('name="code"')).map((browser, index) => browser.submit({ code: codes[index] as string })))
  const first = flows[0] as Browser
  expect(first.status).toBeLessThan(500)
  await signUp(system, tenant, { email: 'race+shop@example.org', password })
  const listed = await eventually(async () => {
    const { items } = (await tenant.api('GET', '/api/v1/identity/users?limit=200')).json
    return items.some((one: { email?: string }) => one.email === 'race+shop@example.org') ? (items as { email?: string }[]) : undefined
  })
  expect(listed.filter(({ email }) => email === 'race@example.org').length).toBeLessThanOrEqual(1)
}, 120_000)
