/** The promise of the metrics: what happened is counted, everything shown is in the reference, and no label holds a person, an id or a secret. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sumOf, type Sample } from '@pavan/platform/testing/exposition.js'
import { Browser, call } from '../support/http.js'
import { scrape } from '../support/metrics.js'
import { eventually } from '../support/parallel.js'
import { root } from '../support/root.js'
import { System } from '../support/system.js'
import { authorizationUrl, callback, exchange, makeTenant, signIn, signUp, type Tenant } from '../support/tenant.js'

const person = { email: 'joan.measured@example.org', password: 'correct horse battery staple 9' }

/** Metric → its labels, as docs/reference/metrics.md has them. */
const reference = new Map(
  readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, name, , , labels = ''] = line.split(' | ').length > 4 ? ['', ...line.replace(/^\| /, '').split(' | ')] : []
      return name?.startsWith('`') ? [[name.replaceAll('`', ''), labels.replaceAll('`', '').split(', ').filter(Boolean)] as const] : []
    }),
)

let system: System
let tenant: Tenant
let before: readonly Sample[]
beforeAll(async () => {
  system = await System.start()
  tenant = await makeTenant(system, 'measured')
  before = await scrape(system)
}, 180_000)
afterAll(() => system?.[Symbol.asyncDispose]())

test('sign-ins, token requests and decisions are counted by how they ended', async () => {
  const { browser, verifier } = await signUp(system, tenant, person)
  await exchange(tenant, browser.url, verifier)
  await expect(exchange(tenant, browser.url, verifier)).rejects.toMatchObject({ error: 'invalid_grant' })
  await signIn(system, tenant, person)
  const wrong = new Browser(callback)
  await wrong.open((await authorizationUrl(system, tenant)).url)
  await wrong.submit({ email: person.email, password: 'not the password at all' })
  await call(`${tenant.issuer}/token`, { form: { grant_type: `no-such-grant-${Date.now()}` } })
  const decision = await tenant.api('POST', '/api/v1/authorization/decisions', { subject: 'usr_nobody', action: 'read', resource: 'order' })
  expect(decision.json.allowed).toBe(false)
  await tenant.api('POST', '/api/v1/authorization/decisions/batch', { decisions: [{ subject: 'usr_nobody', action: 'read', resource: 'order' }] })

  const since = await eventually(async () => {
    const now = await scrape(system)
    const counted = (name: string, labels: Record<string, string>) => sumOf(now, name, labels) - sumOf(before, name, labels)
    return counted('pavan_sign_ins_total', { outcome: 'wrong-password' }) > 0 && counted
  })
  expect(since('pavan_sign_ins_total', { method: 'password', outcome: 'success' })).toBeGreaterThanOrEqual(2)
  expect(since('pavan_sign_ins_total', { method: 'password', outcome: 'wrong-password' })).toBe(1)
  expect(since('pavan_token_requests_total', { grant: 'authorization_code', outcome: 'issued' })).toBe(1)
  expect(since('pavan_token_requests_total', { grant: 'authorization_code', outcome: 'invalid_grant' })).toBe(1)
  expect(since('pavan_token_requests_total', { grant: 'other' })).toBe(1)
  expect(since('pavan_decisions_total', { verdict: 'denied' })).toBe(2)
  expect(since('pavan_decision_seconds_count', { kind: 'single' })).toBe(1)
  expect(since('pavan_decision_seconds_count', { kind: 'batch' })).toBe(1)
  expect(since('pavan_password_hash_seconds_count', {})).toBeGreaterThanOrEqual(3)
  expect(since('pavan_append_seconds_count', { service: 'identity' })).toBeGreaterThan(0)
  expect(since('pavan_consumer_delay_seconds_count', { service: 'audit' })).toBeGreaterThan(0)
})

test('every service says how far its views, reactions and relay are, and they catch up', async () => {
  const samples = await eventually(async () => {
    const now = await scrape(system)
    return sumOf(now, 'pavan_consumer_lag_events') + sumOf(now, 'pavan_relay_lag_events') === 0 && now
  })
  const services = (name: string) => [...new Set(samples.filter((sample) => sample.name === name).map(({ labels }) => labels.service))].sort()
  expect(services('pavan_consumer_lag_seconds')).toEqual(['admin', 'analytics', 'audit', 'authorization', 'gateway', 'identity', 'profiles'])
  expect(services('pavan_parked_streams')).toEqual(services('pavan_consumer_lag_seconds'))
  expect(services('pavan_relay_lag_events')).toEqual(expect.arrayContaining(['identity', 'admin']))
  expect(sumOf(samples, 'pavan_parked_streams')).toBe(0)
})

test('everything that is shown is in the reference with its labels', async () => {
  const unknown = (await scrape(system)).flatMap(({ name, labels }) => {
    if (name === 'target_info') return []
    const declared = reference.get(name) ?? reference.get(name.replace(/_(bucket|sum|count)$/, ''))
    const more = Object.keys(labels).filter((label) => !['otel_scope_name', 'le', ...(declared ?? [])].includes(label))
    return declared && more.length === 0 ? [] : [`${name} ${more.join()}`]
  })
  expect([...new Set(unknown)]).toEqual([])
})

test('no label holds an id, an address or anything else that a caller chose', async () => {
  const values = [...new Set((await scrape(system)).flatMap(({ labels }) => Object.values(labels)))]
  expect(values.length).toBeGreaterThan(50)
  const pattern = /(usr|ten|org|app|cli|ses|rol|pol|req|evt)_[0-9a-z]{10}|@|127\.0\.0\.1|[0-9a-f]{16}|no-such-grant|measured/
  // An e-mail address has an @, and so does no route, view or type.
  expect(values.filter((value) => pattern.test(value))).toEqual([])
})
