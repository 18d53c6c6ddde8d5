/** Promises 7 and 8: two tenants never meet, over every operation that the API document names; and nobody learns who has an account. */
import * as oidc from 'openid-client'
import { Browser, call } from './support/http.js'
import { operationsOf, type Operation } from './support/openapi.js'
import { eventually } from './support/parallel.js'
import { System } from './support/system.js'
import { authorizationUrl, callback, exchange, makeTenant, signIn, signUp, type Tenant } from './support/tenant.js'

let system: System
let first: Tenant
let second: Tenant
let operations: readonly Operation[]
let ids: readonly string[]
/** What the second tenant never sends, so that it can only come from the first. */
let unseen: readonly string[]
beforeAll(async () => {
  system = await System.start()
  first = await makeTenant(system, 'first')
  second = await makeTenant(system, 'second')
  operations = operationsOf((await call(`${system.base}/openapi.json`)).json)
  const person = await signUp(system, first, { email: 'ada@example.org', password })
  const tokens = await exchange(first, person.browser.url, person.verifier)
  const user = tokens.claims()?.sub as string
  const organization = (await first.api('POST', '/api/v1/admin/organizations', { name: 'Only in first', slug: 'only-in-first' })).json.id
  const sessions = (await first.api('GET', `/api/v1/identity/users/${user}/sessions`)).json.items as { id: string }[]
  ids = [user, organization, first.application, first.client, first.id, ...sessions.map(({ id }) => id)]
  const made = async (path: string, json: object) => (await first.api('POST', `/api/v1/${path}`, json)).json.id as string
  unseen = [
    'ada@example.org',
    'only-in-first',
    'Only in first',
    await made('identity/users', { email: 'hidden@example.org', name: 'Hidden Person' }),
    'hidden@example.org',
    'Hidden Person',
    await made('admin/applications', { name: 'Hidden application' }),
    'Hidden application',
    await made('admin/organizations', { name: 'Hidden organization', slug: 'hidden-organization' }),
    'Hidden organization',
  ]
  await made('authorization/roles', { key: 'hidden-role', name: 'Hidden role' })
  unseen = [...unseen, 'hidden-role', 'Hidden role']
  await first.api('POST', '/api/v1/authorization/assignments', { subject: user, role: 'viewer' })
  // Names that mean something in every tenant: an assignment, a record and a version, a metric.
  ids = [...ids, `${user}~viewer`, '1', 'sign-ups']
  // What was written is seen by events: the sweep begins when all of it is.
  const written = ['hidden-role', `${user}~viewer`, 'hidden-organization', 'Hidden application']
  await eventually(async () => {
    const seen = await holdings()
    return written.every((one) => seen.includes(one)) && seen.split('hidden@example.org').length === 3
  }, 30_000)
}, 60_000)
afterAll(() => system?.[Symbol.asyncDispose]())

const password = 'correct horse battery staple 9'

/** What the first tenant has, as its administrator sees it. */
const holdings = async (): Promise<string> => {
  const paths = [
    'identity/users',
    'admin/applications',
    'admin/clients',
    'admin/organizations',
    'admin/settings',
    'authorization/roles',
    'authorization/policies',
  ]
  const more = ['authorization/resources', 'authorization/assignments', 'profiles', 'profiles/schema', `identity/users/${ids[0]}/sessions`]
  return JSON.stringify(await Promise.all([...paths, ...more].map(async (path) => (await first.api('GET', `/api/v1/${path}`)).json)))
}

test('no operation of one tenant shows or changes what belongs to another', async () => {
  const before = await holdings()
  const leaks: string[] = []
  const understood = new Set<string>()
  const swept = operations.filter(({ path }) => path.startsWith('/api/'))
  for (const operation of swept) {
    for (const id of ids) {
      // The foreign id stands wherever one may stand: in the path, in the query, and in a body that is as the schema wants it.
      const path = operation.path.replace(/\{\w+\}/g, encodeURIComponent(id))
      const json = operation.method === 'GET' ? undefined : operation.sampleBody(id)
      const headers = /^(?:PUT|PATCH)$/.test(operation.method) ? { 'if-match': '*' } : undefined
      for (const query of ['', ...operation.query.filter((name) => !/^(?:limit|cursor)$/.test(name)).map((name) => `?${name}=${encodeURIComponent(id)}`)]) {
        const answer = await second
          .api(operation.method, `${path}${query}`, json, headers)
          .then((given) => {
            understood.add(operation.id)
            return JSON.stringify(given.json ?? '')
          })
          .catch((error: Error) => {
            if (!/: (?:400|415|428) /.test(error.message)) understood.add(operation.id)
            return /: 5\d\d /.test(error.message) ? `broke: ${error.message}` : error.message
          })
        const told = unseen.filter((one) => answer.includes(one))
        if (told.length > 0 || answer.startsWith('broke')) leaks.push(`${operation.method} ${operation.path}: ${answer.slice(0, 200)}`)
      }
    }
  }
  expect(leaks).toEqual([])
  expect(await holdings()).toBe(before)
  // A sweep whose requests are all refused for their shape would show nothing.
  const misunderstood = swept.filter((one) => !understood.has(one.id)).map((one) => one.id)
  if (process.env.PAVAN_SWEEP_SHOW)
    process.stderr.write(`${understood.size} of ${swept.length} operations got past their schema; not ${misunderstood.join(' ')}\n`)
  expect(understood.size).toBeGreaterThan(swept.length * 0.9)
}, 120_000)

test('tokens, a code, a client and the cookies of one tenant are worth nothing at any endpoint of another', async () => {
  const email = 'crossing@example.org'
  const used = await signUp(system, first, { email, password })
  const tokens = await exchange(first, used.browser.url, used.verifier)
  const fresh = await signIn(system, first, { email, password })
  const code = new URL(fresh.browser.url).searchParams.get('code') as string
  const user = tokens.claims()?.sub as string
  const foreign: Record<string, string> = {
    client_id: first.client,
    code,
    code_verifier: fresh.verifier,
    refresh_token: tokens.refresh_token as string,
    redirect_uri: callback,
    id_token_hint: tokens.id_token as string,
    post_logout_redirect_uri: `${callback}/bye`,
    response_type: 'code',
    scope: 'openid',
    email,
    password,
  }
  expect(Object.values(foreign)).not.toContain(undefined)
  const before = (await first.api('GET', `/api/v1/identity/users/${user}/sessions`)).json
  const crossed: string[] = []
  const swept: string[] = []
  for (const operation of operations.filter(({ path }) => path.startsWith('/t/'))) {
    const path = operation.path.replace('{slug}', second.slug).replace('{uid}', 'x')
    for (const [kind, token] of Object.entries({ access: tokens.access_token, refresh: tokens.refresh_token as string, code })) {
      for (const grant of operation.path.endsWith('/token') ? ['authorization_code', 'refresh_token'] : ['']) {
        const fields = { ...foreign, token, access_token: token, ...(grant ? { grant_type: grant } : {}) }
        const send = Object.keys(operation.bodySchema?.properties ?? {}).filter((name) => name in fields)
        const form = Object.fromEntries(send.map((name) => [name, fields[name as keyof typeof fields] as string]))
        const query = new URLSearchParams(operation.query.filter((name) => name in fields).map((name) => [name, fields[name as keyof typeof fields] as string]))
        const cookie = used.browser.cookies.map(({ name, value }) => `${name}=${value}; ${name.replace('first', 'second')}=${value}`).join('; ')
        const headers = { cookie, ...(operation.path.endsWith('/me') && !('access_token' in form) ? { authorization: `Bearer ${token}` } : {}) }
        const answer = await call(`${system.base}${path}?${query}`, { method: operation.method, headers, ...(operation.bodySchema ? { form } : {}) })
        swept.push(operation.id)
        // A form may tell back what was typed into it, never more.
        const sent = [...query.values(), ...Object.values(form)]
        const told = [user, tokens.access_token, tokens.refresh_token as string].filter((secret) => !sent.includes(secret) && answer.text.includes(secret))
        const granted = /"(?:access_token|id_token|refresh_token|sub)":|"active":true/.test(answer.text)
        const sentOn = answer.headers.get('location')?.startsWith(callback)
        const signedIn = operation.method === 'POST' && operation.path.endsWith('/account') && answer.status === 303
        if (answer.status >= 500 || told.length > 0 || granted || sentOn || signedIn)
          crossed.push(`${operation.method} ${path} with ${kind} ${grant}: ${answer.status} ${answer.text.slice(0, 200)}`)
      }
    }
  }
  expect(crossed).toEqual([])
  expect(new Set(swept).size).toBeGreaterThanOrEqual(20)
  // None of it was spent or ended at home.
  expect((await first.api('GET', `/api/v1/identity/users/${user}/sessions`)).json).toEqual(before)
  expect((await exchange(first, fresh.browser.url, fresh.verifier)).access_token).toBeTruthy()
  expect((await oidc.refreshTokenGrant(first.config, tokens.refresh_token as string)).access_token).toBeTruthy()
}, 120_000)

test('a session cookie of one tenant is nobody in another', async () => {
  const { browser } = await signUp(system, first, { email: 'cookie@example.org', password })
  await browser.open(`${first.issuer}/account`)
  expect(browser.page).toContain('cookie@example.org')
  await browser.open(`${second.issuer}/account`)
  expect(browser.page).not.toContain('cookie@example.org')
}, 60_000)

describe('known and unknown addresses get the same answer', () => {
  const visit = async (step: string, fields: Record<string, string>): Promise<string> => {
    const browser = new Browser(callback)
    await browser.open((await authorizationUrl(system, first)).url)
    if (step !== 'sign-in') await browser.follow(`step=${step}`)
    await browser.submit(fields)
    // What differs from call to call by chance or by the input itself.
    const page = browser.page.replaceAll(/chg_[\w-]+|nonce="[^"]+"|interaction\/[\w-]+/g, '').replaceAll(fields.email as string, '')
    return `${browser.status} ${page}`
  }
  const known = 'known@example.org'
  beforeAll(async () => {
    await signUp(system, first, { email: known, password })
  })

  test.each([
    ['sign-in', { password: 'wrong' }],
    ['sign-up', { password, name: 'Somebody' }],
    ['forgot', {}],
  ])(
    '%s',
    async (step, fields) => {
      expect(await visit(step, { email: known, ...fields })).toBe(await visit(step, { email: 'unknown@example.org', ...fields }))
    },
    60_000,
  )
})
