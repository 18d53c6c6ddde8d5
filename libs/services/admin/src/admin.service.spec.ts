import { randomBytes } from 'node:crypto'
import { roleAssigned, subjectErased } from '@pavan/contracts'
import { sqliteAdapters } from '@pavan/sqlite'
import { everywhere, ManualClock } from '@pavan/kernel'
import type { CallerIdentity } from '@pavan/platform/http/caller.js'
import { bareService, ServiceBench } from '@pavan/platform/testing/service-bench.js'
import { until } from '@pavan/platform/testing/until.js'
import { AdminAggregates } from './admin-aggregates.js'
import { adminService } from './admin.service.js'

const clock = new ManualClock(Date.UTC(2026, 10, 24, 12))
const adapters = sqliteAdapters({ folder: ':memory:', clock, claimKey: randomBytes(32) })
let bench: ServiceBench
let main: string
let operator: CallerIdentity

const machine = (tenant: string, id: string): CallerIdentity => ({ tenant, subject: { type: 'client', id }, client: id, scopes: [] })
const call = (caller: CallerIdentity | undefined, method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
  bench.call('admin', method, `/api/v1/admin${path}`, { caller, body, headers })
/** Reads after everything that an answer wrote. */
const after = (answer: { headers: Headers }) => ({ 'pavan-wait-for': answer.headers.get('pavan-position') ?? '' })

const meta = { actor: { type: 'system', id: 'spec' } } as const
/** What the authorization service does about the roles that a client is registered with. */
const assign = ({ tenant, subject }: CallerIdentity, ...roles: string[]) =>
  bench.write(
    'authorization',
    'assignment',
    { tenant, id: subject.id, meta },
    ...roles.map((role) => roleAssigned.of({ data: { assignee: subject.id, role } })),
  )

let slugs = 0
const newTenant = async (): Promise<CallerIdentity> => {
  const made = await call(operator, 'POST', '/tenants', { slug: `t${++slugs}`, name: 'T' })
  expect(made.status).toBe(201)
  const management = machine(made.body.id, made.body.managementClient)
  const position = await assign(management, 'administrator')
  await call(operator, 'GET', '/tenants', undefined, after(made))
  await call(operator, 'GET', '/tenants', undefined, { 'pavan-wait-for': position })
  return management
}

const web = { name: 'Shop', kind: 'web', grantTypes: ['authorization_code'], redirectUris: ['https://shop.example/cb'] }
const newApplication = async (caller: CallerIdentity) => (await call(caller, 'POST', '/applications', { name: 'Shop' })).body.id as string

beforeAll(async () => {
  bench = await ServiceBench.start([adminService, bareService('authorization'), bareService('profiles')], { adapters, clock })
  main = (await bench.host('admin').get(AdminAggregates).tenants.owner(everywhere, 'tenant-slug', 'main')) as string
  operator = machine(main, 'operator')
  await assign(operator, 'operator', 'administrator')
  await until(async () => (await call(operator, 'GET', '/tenants')).status === 200, 'the roles of the operator')
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  await adapters.close()
})

describe('the first start', () => {
  it('makes the tenant main with its application and its clients', async () => {
    expect((await call(operator, 'GET', '/tenants')).body.items).toMatchObject([{ id: main, slug: 'main' }])
    const { items } = (await call(operator, 'GET', '/clients')).body
    expect(items.map(({ id, settings }: any) => [id, settings.kind, settings.firstParty])).toEqual([
      ['console', 'spa', true],
      ['operator', 'machine', true],
    ])
  })
})

describe('tenants', () => {
  it('are made by the operator, with a client that manages them, and by nobody else', async () => {
    const made = await call(operator, 'POST', '/tenants', { slug: 'acme', name: 'Acme' })
    expect(made).toMatchObject({ status: 201, body: { slug: 'acme', name: 'Acme', application: 'management', managementClient: 'management', version: 1 } })
    const acme = machine(made.body.id, 'management')
    await call(operator, 'GET', '/tenants', undefined, { 'pavan-wait-for': await assign(acme, 'administrator', 'operator') })
    expect((await call(acme, 'GET', '/tenant', undefined, after(made))).body).toMatchObject({ id: made.body.id, slug: 'acme' })
    expect((await call(acme, 'POST', '/tenants', { slug: 'other', name: 'Other' })).status).toBe(403)
    expect((await call(acme, 'GET', '/tenants')).status).toBe(403)
    expect((await call(undefined, 'GET', '/tenants')).status).toBe(401)
  })

  it('have a slug of their own, whoever comes at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(operator, 'POST', '/tenants', { slug: 'race', name: 'Race' })))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(409)])
    expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({ code: 'admin.tenant.slug-taken' })
  })

  it('are made once when the request comes again with its key', async () => {
    const headers = { 'idempotency-key': 'k1' }
    const first = await call(operator, 'POST', '/tenants', { slug: 'once', name: 'Once' }, headers)
    expect((await call(operator, 'POST', '/tenants', { slug: 'once', name: 'Once' }, headers)).body).toEqual(first.body)
  })

  it('are renamed against the version that was seen', async () => {
    const { body } = await call(operator, 'POST', '/tenants', { slug: 'rename', name: 'Old' })
    expect((await call(operator, 'PATCH', `/tenants/${body.id}`, { name: 'New' }, { 'if-match': '"1"' })).body).toMatchObject({ name: 'New', version: 2 })
    expect((await call(operator, 'PATCH', `/tenants/${body.id}`, { name: 'Newer' }, { 'if-match': '"1"' })).status).toBe(412)
    expect((await call(operator, 'PATCH', '/tenants/ten_nobody', { name: 'x' })).body).toMatchObject({ code: 'admin.tenant.not-found' })
  })
})

describe('settings', () => {
  it('have defaults, change only against the version seen, and keep their history', async () => {
    const caller = await newTenant()
    const first = await call(caller, 'GET', '/settings')
    expect(first.headers.get('etag')).toBe('"0"')
    const { settings } = first.body
    expect((await call(caller, 'PUT', '/settings', settings)).status).toBe(428)
    const put = await call(caller, 'PUT', '/settings', { ...settings, password: { minLength: 12, minScore: 3 } }, { 'if-match': '"0"' })
    expect(put).toMatchObject({ status: 200, body: { version: 1, settings: { password: { minLength: 12 } } } })
    expect((await call(caller, 'PUT', '/settings', settings, { 'if-match': '"0"' })).status).toBe(412)
    await call(caller, 'PUT', '/settings', settings, { 'if-match': '"1"', 'pavan-reason': 'ticket 7' })
    const history = (await call(caller, 'GET', '/settings/history')).body
    expect(history.items).toMatchObject([
      { version: 2, actor: { type: 'client', id: 'management' }, reason: 'ticket 7' },
      {
        version: 1,
        changed: [
          { pointer: '/password/minLength', from: 8, to: 12 },
          { pointer: '/password/minScore', from: 2, to: 3 },
        ],
      },
    ])
    expect((await call(caller, 'GET', '/settings/history?limit=1')).body).toMatchObject({ items: [{ version: 2 }], next: '2' })
    expect((await call(caller, 'GET', '/settings/history?limit=1&cursor=2')).body.items).toMatchObject([{ version: 1 }])
    expect((await call(caller, 'GET', '/settings/history/1')).body.settings.password.minLength).toBe(12)
    expect((await call(caller, 'GET', '/settings/history/3')).body).toMatchObject({ code: 'admin.settings.version-not-found' })
  })

  it('refuse what contradicts itself, field by field', async () => {
    const caller = await newTenant()
    const { settings } = (await call(caller, 'GET', '/settings')).body
    const wrong = { ...settings, languages: { default: 'ar', offered: ['en'] }, lifetimes: { ...settings.lifetimes, sessionIdleSeconds: 100_000 } }
    const answer = await call(caller, 'PUT', '/settings', wrong, { 'if-match': '"0"' })
    expect(answer.status).toBe(400)
    expect(answer.body.errors.map(({ pointer }: any) => pointer)).toEqual(['/languages/default', '/lifetimes/sessionIdleSeconds'])
  })
})

describe('organizations', () => {
  it('have members, and unique slugs within the tenant only', async () => {
    const [one, two] = [await newTenant(), await newTenant()]
    const made = await call(one, 'POST', '/organizations', { slug: 'north', name: 'North' })
    expect((await call(two, 'POST', '/organizations', { slug: 'north', name: 'North' })).status).toBe(201)
    expect((await call(one, 'POST', '/organizations', { slug: 'north', name: 'Again' })).body).toMatchObject({ code: 'admin.organization.slug-taken' })
    const user = 'usr_01j9z3f8k2m4n6p8q0r2s4t6v8'
    const path = `/organizations/${made.body.id}`
    await call(one, 'POST', `${path}/members`, { user })
    const added = await call(one, 'PUT', `${path}/members/${user}`)
    expect((await call(one, 'GET', `${path}/members`, undefined, after(added))).body.items).toMatchObject([{ user }])
    expect((await call(one, 'GET', '/organizations', undefined, after(added))).body.items).toMatchObject([{ id: made.body.id, members: 1 }])
    expect((await call(two, 'GET', path)).status).toBe(404)
    expect((await call(two, 'GET', `${path}/members`)).status).toBe(404)
    const deleted = await call(one, 'DELETE', path)
    expect(deleted.status).toBe(204)
    expect((await call(one, 'GET', '/organizations', undefined, after(deleted))).body.items).toEqual([])
    expect((await call(one, 'POST', '/organizations', { slug: 'north', name: 'North' })).status).toBe(201)
  })

  it('lose a member who is erased', async () => {
    const caller = await newTenant()
    const { body } = await call(caller, 'POST', '/organizations', { slug: 'x', name: 'X' })
    const user = 'usr_01j9z3f8k2m4n6p8q0r2s4t6v9'
    const added = await call(caller, 'POST', `/organizations/${body.id}/members`, { user })
    await call(caller, 'GET', '/organizations', undefined, after(added))
    await bench.write('profiles', 'subject', { tenant: caller.tenant, id: user, meta }, subjectErased.of({ data: { user, erasure: 'era_1' } }))
    await until(async () => (await call(caller, 'GET', `/organizations/${body.id}`)).body.members === 0, 'the membership to end')
  })
})

describe('clients', () => {
  it('are checked by kind, with a pointer to what is wrong', async () => {
    const caller = await newTenant()
    const application = await newApplication(caller)
    const answer = await call(caller, 'POST', '/clients', {
      application,
      settings: { ...web, kind: 'spa', grantTypes: ['authorization_code', 'client_credentials'], redirectUris: ['http://shop.example/'] },
    })
    expect(answer.status).toBe(400)
    expect(answer.body.errors.map(({ pointer }: any) => pointer)).toEqual(['/settings/redirectUris/0', '/settings/grantTypes'])
    expect((await call(caller, 'POST', '/clients', { application: 'app_nothing', settings: web })).body).toMatchObject({ code: 'admin.application.not-found' })
    expect((await call(caller, 'POST', '/clients', { application, settings: { ...web, backchannelLogoutUri: 'nonsense' } })).status).toBe(400)
  })

  it('live from registration to deletion, seen by their tenant only', async () => {
    const [one, two] = [await newTenant(), await newTenant()]
    const application = await newApplication(one)
    const made = await call(one, 'POST', '/clients', { application, settings: web })
    const path = `/clients/${made.body.id}`
    expect(made).toMatchObject({ status: 201, body: { application, settings: { kind: 'web', scopes: [] }, version: 1 } })
    expect((await call(one, 'PUT', path, { settings: { ...web, name: 'Shop 2' } }, { 'if-match': '"1"' })).body).toMatchObject({
      settings: { name: 'Shop 2' },
      version: 2,
    })
    expect((await call(one, 'PUT', path, { settings: { ...web, kind: 'spa' } })).body).toMatchObject({ code: 'admin.client.kind-fixed' })
    for (const method of ['GET', 'DELETE']) expect((await call(two, method, path)).status).toBe(404)
    const deleted = await call(one, 'DELETE', path)
    expect((await call(one, 'GET', path, undefined, after(deleted))).status).toBe(404)
    expect((await call(one, 'GET', `/clients?application=${application}`)).body.items).toEqual([])
  })

  it('go with their application', async () => {
    const caller = await newTenant()
    const application = await newApplication(caller)
    const made = await Promise.all(Array.from({ length: 5 }, () => call(caller, 'POST', '/clients', { application, settings: web })))
    await call(caller, 'DELETE', `/applications/${application}`)
    await until(async () => (await call(caller, 'GET', `/clients?application=${application}`)).body.items.length === 0, 'the clients to go')
    for (const { body } of made) expect((await call(caller, 'GET', `/clients/${body.id}`)).status).toBe(404)
    expect((await call(caller, 'POST', '/clients', { application, settings: web })).status).toBe(404)
  })

  it('come in pages', async () => {
    const caller = await newTenant()
    const application = await newApplication(caller)
    let last
    for (let i = 0; i < 5; i++) last = await call(caller, 'POST', '/clients', { application, settings: { ...web, name: `C${i}` } })
    const headers = after(last as never)
    const names: string[] = []
    let next: string | undefined
    do {
      const page = (
        await call(caller, 'GET', `/clients?application=${application}&limit=2${next ? `&cursor=${encodeURIComponent(next)}` : ''}`, undefined, headers)
      ).body
      names.push(...page.items.map(({ settings }: any) => settings.name))
      next = page.next
    } while (next)
    expect(names.sort()).toEqual(['C0', 'C1', 'C2', 'C3', 'C4'])
  })
})
