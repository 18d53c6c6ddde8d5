import { clientDeleted, clientRegistered, clientSettings, memberAdded, memberRemoved, subjectErased, tenantCreated, userRegistered } from '@pavan/contracts'
import { SystemClock } from '@pavan/kernel'
import type { CallerIdentity } from '@pavan/platform/http/caller.js'
import { ServiceUnderTest, user } from '@pavan/platform/testing/service-under-test.js'
import { until } from '@pavan/platform/testing/until.js'
import { sqliteAdapters } from '@pavan/sqlite'
import { createMongoAbility, subject as asSubject } from '@casl/ability'
import { unpackRules } from '@casl/ability/extra'
import { authorizationService } from './authorization.service.js'

const api = '/api/v1/authorization'
let system: ServiceUnderTest
let serial = 0

/** A tenant of its own with an administrator that came by its account. */
const tenantWithAdministrator = async (slug = `t${++serial}`): Promise<{ tenant: string; admin: CallerIdentity }> => {
  const tenant = `ten_${slug}`
  await system.tell('admin', { tenant, category: 'tenant', id: tenant }, tenantCreated.of({ data: { slug, name: slug } }))
  await register(tenant, `usr_admin_${slug}`, ['administrator'])
  const admin = user(tenant, `usr_admin_${slug}`)
  await until(async () => (await system.call('GET', `${api}/roles`, { as: admin })).status === 200)
  return { tenant, admin }
}

const register = (tenant: string, id: string, roles: string[] = []) =>
  system.tell(
    'identity',
    { tenant, category: 'user', id },
    userRegistered.of({ data: { method: 'set-up', roles }, personal: { email: `${id}@example.org` }, secret: {} }),
  )

const decide = (as: CallerIdentity, subject: string, action: string, resource: string, facts?: object, headers?: Record<string, string>) =>
  system.call('POST', `${api}/decisions`, { as, body: { subject, action, resource, facts }, headers })

beforeAll(async () => {
  system = await ServiceUnderTest.start(authorizationService, sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) }))
})
afterAll(() => system.close())

describe('definitions', () => {
  test('are created, read, listed, replaced and deleted, with entity tags', async () => {
    const { admin } = await tenantWithAdministrator()
    const { admin: stranger } = await tenantWithAdministrator()
    const created = await system.call('POST', `${api}/resources`, { as: admin, body: { key: 'orders', name: 'Orders', privileges: [{ action: 'read' }] } })
    expect(created).toMatchObject({ status: 201, body: { key: 'orders', name: 'Orders', privileges: [{ action: 'read' }], version: 1 } })
    expect(created.headers.get('etag')).toBe('"1"')
    expect(
      (await system.call('POST', `${api}/resources`, { as: admin, body: { key: 'orders', name: 'Orders', privileges: [{ action: 'read' }] } })).status,
    ).toBe(201)
    expect(await system.call('POST', `${api}/resources`, { as: admin, body: { key: 'orders', name: 'Other' } })).toMatchObject({
      status: 409,
      body: { code: 'authorization.resource.exists' },
    })
    const replaced = await system.call('PUT', `${api}/resources/orders`, { as: admin, body: { name: 'Orders 2' }, headers: { 'if-match': '"1"' } })
    expect(replaced).toMatchObject({ status: 200, body: { name: 'Orders 2', version: 2 } })
    expect(await system.call('PUT', `${api}/resources/orders`, { as: admin, body: { name: 'Orders 3' }, headers: { 'if-match': '"1"' } })).toMatchObject({
      status: 412,
      body: { code: 'request.version.conflict' },
    })
    const listed = await system.call('GET', `${api}/resources`, { as: admin, headers: { 'pavan-wait-for': replaced.position } })
    expect(listed.body.items).toMatchObject([{ key: 'orders', name: 'Orders 2', version: 2 }])
    expect((await system.call('GET', `${api}/resources`, { as: stranger })).body.items).toEqual([])
    expect((await system.call('GET', `${api}/resources/orders`, { as: stranger })).status).toBe(404)
    expect((await system.call('DELETE', `${api}/resources/orders`, { as: admin })).status).toBe(204)
    expect((await system.call('GET', `${api}/resources/orders`, { as: admin })).status).toBe(404)
    expect((await system.call('PUT', `${api}/resources/orders`, { as: admin, body: { name: 'Again' } })).body).toMatchObject({ name: 'Again', version: 4 })
  })

  test('of roles name policies that exist, and leave the built-in roles alone', async () => {
    const { admin } = await tenantWithAdministrator()
    expect(await system.call('POST', `${api}/roles`, { as: admin, body: { key: 'clerk', name: 'Clerk', policies: ['nope'] } })).toMatchObject({
      status: 409,
      body: { code: 'authorization.policy.unknown' },
    })
    expect(await system.call('PUT', `${api}/roles/administrator`, { as: admin, body: { name: 'Mine' } })).toMatchObject({
      status: 409,
      body: { code: 'authorization.role.built-in' },
    })
    const { body } = await system.call('GET', `${api}/roles`, { as: admin })
    expect(body.items.map((role: { key: string }) => role.key)).toEqual(['administrator', 'viewer', 'resource-server', 'operator'])
  })

  test.each([
    ['an operator that runs code', { conditions: { a: { $where: 'x' } } }],
    ['a pattern that may hang', { conditions: { a: { $regex: '(a+)+$' } } }],
    ['a prototype key', { conditions: { 'constructor.name': 1 } }],
    ['a template that means nothing', { conditions: { a: '${subject.password}' } }],
    ['a field pattern that may hang', { fields: ['*a*a*a*a*a*b'] }],
    ['a comma, which packing would lose', { action: 'read,manage' }],
  ])('of policies refuse %s', async (_, part) => {
    const { admin } = await tenantWithAdministrator()
    const rule = { action: 'read', subject: 'orders', ...part }
    const answer = await system.call('POST', `${api}/policies`, { as: admin, body: { key: 'p', name: 'P', rules: [rule] } })
    expect(answer).toMatchObject({ status: 400, body: { code: 'request.body.invalid' } })
  })

  test('a deleted policy leaves the roles that had it', async () => {
    const { admin } = await tenantWithAdministrator()
    await system.call('POST', `${api}/policies`, { as: admin, body: { key: 'p', name: 'P', rules: [{ action: 'read', subject: 'orders' }] } })
    await system.call('POST', `${api}/roles`, { as: admin, body: { key: 'r', name: 'R', policies: ['p'] } })
    await system.call('DELETE', `${api}/policies/p`, { as: admin })
    await until(async () => (await system.call('GET', `${api}/roles/r`, { as: admin })).body.policies.length === 0)
  })
})

describe('assignments and decisions', () => {
  test('a change answers a position, and a decision that waits for it sees the change', async () => {
    const { admin } = await tenantWithAdministrator()
    await system.call('POST', `${api}/policies`, {
      as: admin,
      body: {
        key: 'own',
        name: 'Own',
        rules: [
          { action: 'read', subject: 'orders', conditions: { owner: '${subject.id}' } },
          { action: 'read', subject: 'orders', inverted: true, conditions: { secret: true }, reason: 'Secret.' },
        ],
      },
    })
    await system.call('POST', `${api}/roles`, { as: admin, body: { key: 'customer', name: 'Customer', policies: ['own'] } })
    const assigned = await system.call('POST', `${api}/assignments`, { as: admin, body: { subject: 'usr_1', role: 'customer' } })
    expect(assigned).toMatchObject({ status: 201, body: { id: 'usr_1~customer', subject: 'usr_1', role: 'customer' } })
    const allowed = await decide(admin, 'usr_1', 'read', 'orders', { owner: 'usr_1' }, { 'pavan-wait-for': assigned.position })
    expect(allowed).toMatchObject({ status: 200, body: { allowed: true, role: 'customer', policy: 'own', rule: 0, policyVersion: assigned.position } })
    expect((await decide(admin, 'usr_1', 'read', 'orders', { owner: 'usr_1', secret: true })).body).toMatchObject({ allowed: false, reason: 'Secret.' })
    const again = await system.call('POST', `${api}/assignments`, { as: admin, body: { subject: 'usr_1', role: 'customer' } })
    expect(again).toMatchObject({ status: 201, position: assigned.position, body: { assignedAt: assigned.body.assignedAt } })
    const gone = await system.call('DELETE', `${api}/assignments/usr_1~customer`, { as: admin })
    expect(gone.status).toBe(204)
    expect((await decide(admin, 'usr_1', 'read', 'orders', { owner: 'usr_1' }, { 'pavan-wait-for': gone.position })).body).toMatchObject({ allowed: false })
  })

  test('a batch answers in order; another tenant knows nothing of it', async () => {
    const { admin } = await tenantWithAdministrator()
    const { admin: stranger } = await tenantWithAdministrator()
    await system.call('POST', `${api}/roles`, { as: admin, body: { key: 'clerk', name: 'Clerk', privileges: [{ resource: 'orders', action: 'read' }] } })
    const assigned = await Promise.all(
      [0, 2, 4].map((i) => system.call('POST', `${api}/assignments`, { as: admin, body: { subject: `usr_${i}`, role: 'clerk' } })),
    )
    const last = assigned
      .map((one) => one.position)
      .toSorted((a, b) => Number(a.split(':')[2]) - Number(b.split(':')[2]))
      .at(-1) as string
    const decisions = Array.from({ length: 1000 }, (_, i) => ({ subject: `usr_${i % 5}`, action: 'read', resource: 'orders', facts: { n: i } }))
    const { body, status } = await system.call('POST', `${api}/decisions/batch`, { as: admin, body: { decisions }, headers: { 'pavan-wait-for': last } })
    expect(status).toBe(200)
    expect(body.verdicts.map((one: { allowed: boolean }) => one.allowed)).toEqual(decisions.map((_, i) => (i % 5) % 2 === 0))
    const other = await system.call('POST', `${api}/decisions/batch`, { as: stranger, body: { decisions } })
    expect(other.body.verdicts.some((one: { allowed: boolean }) => one.allowed)).toBe(false)
    expect((await system.call('POST', `${api}/decisions/batch`, { as: admin, body: { decisions: [...decisions, decisions[0]] } })).status).toBe(400)
    expect(
      (
        await system.call('POST', `${api}/decisions/batch`, {
          as: admin,
          body: { decisions: [{ ...decisions[0], facts: { a: { b: { c: { d: { e: { f: { g: 1 } } } } } } } }] },
        })
      ).body,
    ).toMatchObject({
      code: 'request.body.invalid',
      errors: [{ pointer: '/decisions/0/facts' }],
    })
  })

  test('the rules of a subject give the same verdict outside', async () => {
    const { tenant, admin } = await tenantWithAdministrator()
    await system.call('POST', `${api}/policies`, {
      as: admin,
      body: { key: 'own', name: 'Own', rules: [{ action: 'read', subject: 'orders', conditions: { owner: '${subject.id}' } }] },
    })
    await system.call('POST', `${api}/roles`, { as: admin, body: { key: 'customer', name: 'Customer', policies: ['own'] } })
    const { position } = await system.call('POST', `${api}/assignments`, { as: admin, body: { subject: 'usr_1', role: 'customer' } })
    const { body } = await system.call('GET', `${api}/me/rules`, { as: user(tenant, 'usr_1'), headers: { 'pavan-wait-for': position } })
    expect((await system.call('GET', `${api}/subjects/usr_1/rules`, { as: admin })).body).toEqual(body)
    expect((await system.call('GET', `${api}/subjects/usr_1/rules`, { as: user(tenant, 'usr_1') })).status).toBe(403)
    const ability = createMongoAbility(unpackRules(body.rules) as never)
    expect(ability.can('read' as never, asSubject('orders', { owner: 'usr_1' }) as never)).toBe(true)
    expect(ability.can('read' as never, asSubject('orders', { owner: 'usr_2' }) as never)).toBe(false)
    const explained = await system.call('POST', `${api}/decisions/explain`, {
      as: admin,
      body: { subject: 'usr_1', action: 'read', resource: 'orders', facts: { owner: 'usr_2' } },
    })
    expect(explained).toMatchObject({
      status: 200,
      body: {
        allowed: false,
        facts: { owner: 'usr_2' },
        considered: [{ policy: 'own', matched: false, because: 'conditions', conditions: { owner: 'usr_1' } }],
      },
    })
  })

  test('a role in an organization ends with the membership', async () => {
    const { tenant, admin } = await tenantWithAdministrator()
    await system.call('POST', `${api}/roles`, { as: admin, body: { key: 'clerk', name: 'Clerk', privileges: [{ resource: 'orders', action: 'read' }] } })
    await system.tell('admin', { tenant, category: 'organization', id: 'org_1' }, memberAdded.of({ data: { user: 'usr_1' } }))
    const { position } = await system.call('POST', `${api}/assignments`, { as: admin, body: { subject: 'usr_1', role: 'clerk', organization: 'org_1' } })
    expect((await decide(admin, 'usr_1', 'read', 'orders', { organization: 'org_1' }, { 'pavan-wait-for': position })).body.allowed).toBe(true)
    await system.tell('admin', { tenant, category: 'organization', id: 'org_1' }, memberRemoved.of({ data: { user: 'usr_1' } }))
    await until(async () => !(await decide(admin, 'usr_1', 'read', 'orders', { organization: 'org_1' })).body.allowed)
  })

  test('assignments of a deleted role do not come back with a role of the same name', async () => {
    const { admin } = await tenantWithAdministrator()
    const role = { key: 'clerk', name: 'Clerk', privileges: [{ resource: 'orders', action: 'read' }] }
    await system.call('POST', `${api}/roles`, { as: admin, body: role })
    await system.call('POST', `${api}/assignments`, { as: admin, body: { subject: 'usr_1', role: 'clerk' } })
    await system.call('DELETE', `${api}/roles/clerk`, { as: admin })
    await until(async () => (await system.call('GET', `${api}/assignments?role=clerk`, { as: admin })).body.items.length === 0)
    const { position } = await system.call('POST', `${api}/roles`, { as: admin, body: role })
    expect((await decide(admin, 'usr_1', 'read', 'orders', {}, { 'pavan-wait-for': position })).body.allowed).toBe(false)
  })
})

describe('administrators', () => {
  test('of the last two people, dismissed at the same moment, one remains', async () => {
    const { admin, tenant } = await tenantWithAdministrator()
    await system.call('POST', `${api}/assignments`, { as: admin, body: { subject: 'usr_second', role: 'administrator' } })
    const { position } = await system.call('POST', `${api}/assignments`, { as: admin, body: { subject: 'cli_machine', role: 'administrator' } })
    await system.core.views.waitFor(position)
    const machine: CallerIdentity = { tenant, subject: { type: 'client', id: 'cli_machine' }, client: 'cli_machine', scopes: [] }
    const answers = await Promise.all(
      ['usr_second', admin.subject.id].map((id) => system.call('DELETE', `${api}/assignments/${id}~administrator`, { as: machine })),
    )
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([204, 409])
    expect(answers.find((answer) => answer.status === 409)?.body.code).toBe('authorization.assignment.last-administrator')
  })

  test('nobody gives a role above their own, and a viewer changes nothing', async () => {
    const { admin, tenant } = await tenantWithAdministrator()
    await system.call('POST', `${api}/roles`, {
      as: admin,
      body: { key: 'helper', name: 'Helper', privileges: [{ resource: 'assignments', action: 'create' }] },
    })
    await system.call('POST', `${api}/assignments`, { as: admin, body: { subject: 'usr_v', role: 'viewer' } })
    const { position } = await system.call('POST', `${api}/assignments`, { as: admin, body: { subject: 'usr_h', role: 'helper' } })
    await system.core.views.waitFor(position)
    const helper = user(tenant, 'usr_h')
    expect((await system.call('POST', `${api}/assignments`, { as: helper, body: { subject: 'usr_h', role: 'helper' } })).status).toBe(201)
    expect(await system.call('POST', `${api}/assignments`, { as: helper, body: { subject: 'usr_h', role: 'administrator' } })).toMatchObject({
      status: 403,
      body: { code: 'authorization.assignment.beyond-own' },
    })
    expect(await system.call('POST', `${api}/assignments`, { as: admin, body: { subject: 'usr_h', role: 'operator' } })).toMatchObject({
      status: 403,
      body: { code: 'authorization.assignment.beyond-own' },
    })
    const viewer = user(tenant, 'usr_v')
    expect((await system.call('GET', `${api}/roles`, { as: viewer })).status).toBe(200)
    expect((await system.call('DELETE', `${api}/roles/helper`, { as: viewer })).status).toBe(403)
    expect((await system.call('GET', `${api}/roles`, { as: user(tenant, 'usr_nobody') })).status).toBe(403)
    expect((await system.call('GET', `${api}/roles`)).status).toBe(401)
  })

  test('a client brings its roles and loses them when it is deleted; so does an erased person', async () => {
    const { tenant, admin } = await tenantWithAdministrator()
    const client: CallerIdentity = { tenant, subject: { type: 'client', id: 'cli_m' }, client: 'cli_m', scopes: [] }
    const settings = clientSettings.parse({ name: 'M', kind: 'machine', grantTypes: ['client_credentials'] })
    await system.tell(
      'admin',
      { tenant, category: 'client', id: 'cli_m' },
      clientRegistered.of({ data: { application: 'app_1', settings, roles: ['administrator', 'viewer'] } }),
    )
    await until(async () => (await system.call('GET', `${api}/roles`, { as: client })).status === 200)
    await system.tell('admin', { tenant, category: 'client', id: 'cli_m' }, clientDeleted.of({ data: { application: 'app_1' } }))
    await until(async () => (await system.call('GET', `${api}/roles`, { as: client })).status === 403)
    await system.call('POST', `${api}/assignments`, { as: admin, body: { subject: 'usr_e', role: 'viewer' } })
    await system.tell('profiles', { tenant, category: 'erasure', id: 'era_1' }, subjectErased.of({ data: { user: 'usr_e', erasure: 'era_1' } }))
    await until(async () => (await system.call('GET', `${api}/assignments?subject=usr_e`, { as: admin })).body.items.length === 0)
  })
})
