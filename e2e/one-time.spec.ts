/** Promises 2 and 3: what may be used once is used once, and one address is one account. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
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

/** Does it again, from the same page, for as long as the answer is that the system is overloaded and nothing was done (503 with Retry-After). */
const patiently = async (browser: Browser, act: () => Promise<unknown>): Promise<Browser> => {
  const { page, url } = browser
  await eventually(async () => {
    Object.assign(browser, { page, url })
    await act()
    return browser.status !== 503
  }, 60_000)
  return browser
}

/** Addresses of those accounts of a tenant that have one of these; waits until the list has seen them all, so that a second one cannot come later. */
const accountsOf = async ({ api }: Tenant, emails: readonly string[]): Promise<string[]> => {
  // Whoever is made now comes after everybody who was made before.
  const { position } = await api('POST', '/api/v1/identity/users', { email: `marker-${crypto.randomUUID()}@example.org` })
  const { items } = (await api('GET', '/api/v1/identity/users?limit=200', undefined, { 'pavan-wait-for': position })).json as { items: { email?: string }[] }
  return items.flatMap(({ email }) => (email !== undefined && emails.includes(email) ? [email] : [])).toSorted()
}

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
  await browser.follow('step=sign-up')
  await browser.submit({ email: 'verify@example.org', password, name: 'Vera' })
  const { code } = await mailTo(system, 'verify@example.org', 'verify-email', tenant)
  const { page, url } = browser
  const pages = await parallel(uses, async () => {
    const other = browser.copy()
    other.page = page
    other.url = url
    await other.submit({ code })
    return other
  })
  for (const one of pages) expect(one.status).toBeLessThan(500)
  expect(pages.filter(({ page: shown }) => shown.includes('value="consent"'))).toHaveLength(1)
  expect(await accountsOf(tenant, ['verify@example.org'])).toEqual(['verify@example.org'])
}, 60_000)

test('a reset link sets one password', async () => {
  await signUp(system, tenant, { email: 'reset@example.org', password })
  const browser = new Browser(callback)
  await browser.open((await authorizationUrl(system, tenant)).url)
  await browser.follow('step=forgot')
  await browser.submit({ email: 'reset@example.org' })
  const { link } = await mailTo(system, 'reset@example.org', 'reset-password', tenant)
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
  const { position } = await tenant.api('POST', '/api/v1/admin/applications', { name: 'Afterwards' })
  const { items } = (await tenant.api('GET', '/api/v1/admin/applications?limit=200', undefined, { 'pavan-wait-for': position })).json
  expect(items.filter(({ name }: { name: string }) => name === 'Once')).toHaveLength(1)
}, 60_000)

test("a client assertion's jti gives one access token", async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const settings = {
    name: 'Signing machine',
    kind: 'machine',
    grantTypes: ['client_credentials'],
    publicKeys: [{ ...(await exportJWK(publicKey)), kid: 'one' }],
  }
  const { id } = (await tenant.api('POST', '/api/v1/admin/clients', { application: tenant.application, settings })).json
  const assertion = (jti: string) =>
    new SignJWT({ jti })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer(id)
      .setSubject(id)
      .setAudience(tenant.issuer)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey)
  const use = async (client_assertion: string) => {
    const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    const answer = await call(`${tenant.issuer}/token`, { form: { grant_type: 'client_credentials', client_assertion_type, client_assertion } })
    expect([200, 401]).toContain(answer.status)
    return answer.status === 200
  }
  // The client comes to the provider by an event.
  await eventually(async () => use(await assertion(crypto.randomUUID())))
  const once = await assertion('the-one')
  expect(await outcomes(() => use(once))).toBe(1)
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
  const spellings = ['race@example.org', 'RACE@example.org', 'ｒａｃｅ@example.org', ' Race@EXAMPLE.org ', 'race@ＥＸＡＭＰＬＥ.org']
  const flows = await parallel(64, async (index) => {
    const browser = new Browser(callback)
    const { url } = await authorizationUrl(system, tenant)
    await patiently(browser, () => browser.open(url))
    await patiently(browser, () => browser.follow('step=sign-up'))
    return patiently(browser, () => browser.submit({ email: spellings[index % spellings.length] as string, password, name: `Racer ${index}` }))
  })
  // Mails do not say which form they belong to: each form in turn asks for another code, so that the newest mail is its own.
  const read = async () =>
    (await call(`${system.base}/mailbox.json?to=race@example.org`)).json.items.filter((mail: { tenant: string }) => mail.tenant === tenant.id) as {
      id: string
      code?: string
    }[]
  const seen = new Set((await eventually(async () => ((found) => found.length === flows.length && found)(await read()), 30_000)).map(({ id }) => id))
  const codes: string[] = []
  for (const browser of flows) {
    await browser.submit({}, { having: 'resend' })
    const fresh = await eventually(async () => (await read()).find(({ id }) => !seen.has(id)))
    seen.add(fresh.id)
    codes.push(fresh.code as string)
  }
  await parallel(64, async (index) => {
    const browser = flows[index] as Browser
    await patiently(browser, () => browser.submit({ code: codes[index] as string }))
  })
  for (const { status } of flows) expect(status).toBeLessThan(500)
  expect(flows.filter(({ page }) => page.includes('value="consent"'))).toHaveLength(1)
  await signUp(system, tenant, { email: 'race+shop@example.org', password })
  expect(await accountsOf(tenant, ['race@example.org', 'race+shop@example.org'])).toEqual(['race+shop@example.org', 'race@example.org'])
}, 120_000)
