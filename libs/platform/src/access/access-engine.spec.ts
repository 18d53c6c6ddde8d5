import {
  policyDeleted,
  policySet,
  resourceDefined,
  resourceDeleted,
  roleAssigned,
  roleDefined,
  roleDeleted,
  roleUnassigned,
  memberAdded,
  memberRemoved,
  organizationDeleted,
  tenantCreated,
} from '@pavan/contracts'
import { SystemClock, type DomainEvent } from '@pavan/kernel'
import { sqliteAdapters, type SqliteAdapters } from '@pavan/sqlite'
import { createMongoAbility, subject as asSubject } from '@casl/ability'
import { unpackRules } from '@casl/ability/extra'
import type { Rows } from '../views/rows.js'
import type { ViewWatcher } from '../views/views.js'
import { AccessEngine } from './access-engine.js'
import { accessView } from './access.view.js'

/** Runs the real view over real rows, event by event, and tells the engine as the view runner does. */
class Fixture {
  readonly engine: AccessEngine
  #seq = 0
  #watcher: ViewWatcher | undefined

  private constructor(
    readonly adapters: SqliteAdapters,
    readonly rows: Rows,
  ) {
    this.engine = new AccessEngine(rows, { watch: (_, watcher) => ((this.#watcher = watcher), () => {}) })
  }

  static async open(): Promise<Fixture> {
    const adapters = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) })
    const { rows } = await adapters.portsFor('authorization')
    await rows.open(accessView.tables)
    return new Fixture(adapters, rows)
  }

  async happens(tenant: string, id: string, ...events: readonly DomainEvent[]): Promise<void> {
    for (const event of events) {
      const handler = accessView.on.find((one) => one.type?.type === event.type)
      const recorded = { ...event, stream: { tenant, category: 'x', id }, context: 'authorization', position: { p: 0, seq: ++this.#seq }, at: this.#seq }
      const changes = await handler!.handle(recorded as never, { get: (table: never, key: string) => this.rows.get(table, key) } as never)
      await this.rows.apply(changes)
      this.#watcher?.changed(changes as never)
    }
  }

  /** Events that came to pass in another generation of the view, which takes over. */
  async replacedAfter(...given: Parameters<Fixture['happens']>): Promise<void> {
    const watcher = this.#watcher
    this.#watcher = undefined
    await this.happens(...given)
    this.#watcher = watcher
    watcher?.outdated()
  }

  assign(tenant: string, assignee: string, role: string, organization?: string): Promise<void> {
    return this.happens(tenant, assignee, roleAssigned.of({ data: { assignee, role, organization } }))
  }

  async allowed(tenant: string, subject: string, action: string, resource: string, facts?: Record<string, unknown>, field?: string): Promise<boolean> {
    return (await this.engine.decide({ tenant, subject, action, resource, facts, field })).allowed
  }
}

const role = (key: string, privileges: { resource: string; action: string }[], policies: string[] = []) =>
  roleDefined.of({ data: { key, name: key, privileges, policies } })
const policy = (key: string, ...rules: unknown[]) => policySet.of({ data: { key, name: key, rules: rules as never } })

let at: Fixture
beforeEach(async () => {
  at = await Fixture.open()
})
afterEach(() => at.adapters.close())

describe('decisions', () => {
  test('nothing is allowed to somebody without a role', async () => {
    const verdict = await at.engine.decide({ tenant: 'ten_1', subject: 'usr_1', action: 'read', resource: 'orders' })
    expect(verdict).toEqual({ allowed: false, policyVersion: 'authorization:0:0' })
  })

  test('a privilege allows its action on its resource only, and says which rule decided at which version', async () => {
    await at.happens('ten_1', 'clerk', role('clerk', [{ resource: 'orders', action: 'read' }]))
    await at.assign('ten_1', 'usr_1', 'clerk')
    expect(await at.engine.decide({ tenant: 'ten_1', subject: 'usr_1', action: 'read', resource: 'orders' })).toEqual({
      allowed: true,
      role: 'clerk',
      rule: 0,
      policyVersion: 'authorization:0:2',
    })
    expect(await at.allowed('ten_1', 'usr_1', 'delete', 'orders')).toBe(false)
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'invoices')).toBe(false)
    expect(await at.allowed('ten_2', 'usr_1', 'read', 'orders')).toBe(false)
  })

  test("a verdict names the last change that it depends on, and no other subject's", async () => {
    const versionFor = async (subject: string) => (await at.engine.decide({ tenant: 'ten_1', subject, action: 'read', resource: 'orders' })).policyVersion
    await at.happens('ten_1', 'clerk', role('clerk', [{ resource: 'orders', action: 'read' }]))
    await at.assign('ten_1', 'usr_1', 'clerk')
    await at.assign('ten_1', 'usr_2', 'clerk')
    expect([await versionFor('usr_1'), await versionFor('usr_2'), await versionFor('usr_3')]).toEqual([
      'authorization:0:2',
      'authorization:0:3',
      'authorization:0:1',
    ])
    await at.happens('ten_1', 'usr_1', roleUnassigned.of({ data: { assignee: 'usr_1', role: 'clerk' } }))
    expect([await versionFor('usr_1'), await versionFor('usr_2')]).toEqual(['authorization:0:4', 'authorization:0:3'])
    await at.happens('ten_1', 'clerk', role('clerk', []))
    expect([await versionFor('usr_1'), await versionFor('usr_2'), await versionFor('usr_3')]).toEqual(Array(3).fill('authorization:0:5'))
  })

  test('a deny rule wins over every allow rule, whichever role comes first', async () => {
    await at.happens(
      'ten_1',
      'x',
      policy('no-shipped', { action: 'delete', subject: 'orders', inverted: true, conditions: { status: 'shipped' }, reason: 'It is on its way.' }),
    )
    await at.happens('ten_1', 'x', role('careful', [], ['no-shipped']), role('boss', [{ resource: 'orders', action: 'manage' }]))
    for (const order of [
      ['careful', 'boss'],
      ['boss', 'careful'],
    ]) {
      const subject = `usr_${order[0]}`
      for (const one of order) await at.assign('ten_1', subject, one)
      expect(await at.allowed('ten_1', subject, 'delete', 'orders', { status: 'open' })).toBe(true)
      expect(await at.engine.decide({ tenant: 'ten_1', subject, action: 'delete', resource: 'orders', facts: { status: 'shipped' } })).toMatchObject({
        allowed: false,
        reason: 'It is on its way.',
        policy: 'no-shipped',
        role: 'careful',
        rule: 0,
      })
    }
  })

  test('conditions speak of the asking subject', async () => {
    await at.happens(
      'ten_1',
      'x',
      policy(
        'own',
        { action: 'read', subject: 'orders', conditions: { owner: '${subject.id}' } },
        { action: 'read', subject: 'reports', conditions: { organization: '${subject.organizations}' } },
      ),
    )
    await at.happens('ten_1', 'x', role('customer', [], ['own']))
    await at.assign('ten_1', 'usr_1', 'customer')
    await at.assign('ten_1', 'usr_2', 'customer')
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'orders', { owner: 'usr_1' })).toBe(true)
    expect(await at.allowed('ten_1', 'usr_2', 'read', 'orders', { owner: 'usr_1' })).toBe(false)
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'orders', {})).toBe(false)
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'reports', { organization: 'org_1' })).toBe(false)
    await at.happens('ten_1', 'org_1', memberAdded.of({ data: { user: 'usr_1' } }))
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'reports', { organization: 'org_1' })).toBe(true)
    await at.happens('ten_1', 'org_1', memberRemoved.of({ data: { user: 'usr_1' } }))
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'reports', { organization: 'org_1' })).toBe(false)
    await at.happens('ten_1', 'org_1', memberAdded.of({ data: { user: 'usr_1' } }), organizationDeleted.of({ data: {} }))
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'reports', { organization: 'org_1' })).toBe(false)
  })

  test('a subject whose id looks like an operator stays a value', async () => {
    await at.happens('ten_1', 'x', policy('own', { action: 'read', subject: 'orders', conditions: { owner: '${subject.id}' } }), role('customer', [], ['own']))
    const odd = '{"$ne":null}'
    await at.assign('ten_1', odd, 'customer')
    expect(await at.allowed('ten_1', odd, 'read', 'orders', { owner: 'usr_1' })).toBe(false)
    expect(await at.allowed('ten_1', odd, 'read', 'orders', { owner: odd })).toBe(true)
  })

  test('a role in one organization counts for the things of that organization', async () => {
    await at.happens('ten_1', 'x', role('clerk', [{ resource: 'orders', action: 'read' }]))
    await at.assign('ten_1', 'usr_1', 'clerk', 'org_1')
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'orders', { organization: 'org_1' })).toBe(true)
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'orders', { organization: 'org_2' })).toBe(false)
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'orders')).toBe(false)
  })

  test('fields', async () => {
    await at.happens('ten_1', 'x', policy('names', { action: 'read', subject: 'people', fields: ['name', 'address.*'] }), role('r', [], ['names']))
    await at.assign('ten_1', 'usr_1', 'r')
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'people', {}, 'name')).toBe(true)
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'people', {}, 'address.city')).toBe(true)
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'people', {}, 'salary')).toBe(false)
  })
})

describe('changes are seen at once', () => {
  test('of roles, policies, resources and assignments', async () => {
    const asks = () => at.allowed('ten_1', 'usr_1', 'read', 'orders')
    await at.assign('ten_1', 'usr_1', 'clerk')
    expect(await asks()).toBe(false)
    await at.happens('ten_1', 'x', role('clerk', [], ['p']))
    expect(await asks()).toBe(false)
    await at.happens('ten_1', 'x', policy('p', { action: 'read', subject: 'orders' }))
    expect(await asks()).toBe(true)
    await at.happens('ten_1', 'x', resourceDeleted.of({ data: { key: 'orders' } }))
    expect(await asks()).toBe(false)
    await at.happens('ten_1', 'x', resourceDefined.of({ data: { key: 'orders', name: 'Orders', privileges: [] } }))
    expect(await asks()).toBe(true)
    await at.happens('ten_1', 'x', policyDeleted.of({ data: { key: 'p' } }))
    expect(await asks()).toBe(false)
    await at.happens('ten_1', 'x', role('clerk', [{ resource: 'orders', action: 'read' }]))
    expect(await asks()).toBe(true)
    await at.happens('ten_1', 'x', roleDeleted.of({ data: { key: 'clerk' } }))
    expect(await asks()).toBe(false)
    await at.happens('ten_1', 'x', role('clerk', [{ resource: 'orders', action: 'read' }]))
    await at.happens('ten_1', 'usr_1', roleUnassigned.of({ data: { assignee: 'usr_1', role: 'clerk' } }))
    expect(await asks()).toBe(false)
  })

  test('also when the change comes while the subject is being read', async () => {
    await at.happens('ten_1', 'x', role('clerk', [{ resource: 'orders', action: 'read' }]))
    const asking = at.allowed('ten_1', 'usr_1', 'read', 'orders')
    await at.assign('ten_1', 'usr_1', 'clerk')
    await asking
    expect(await at.allowed('ten_1', 'usr_1', 'read', 'orders')).toBe(true)
  })
})

describe('built-in roles', () => {
  test('an administrator manages the tenant but not the tenants; an operator counts in the first tenant only', async () => {
    await at.happens('ten_m', 'ten_m', tenantCreated.of({ data: { slug: 'main', name: 'Main' } }))
    await at.happens('ten_b', 'ten_b', tenantCreated.of({ data: { slug: 'b', name: 'B' } }))
    for (const tenant of ['ten_m', 'ten_b']) {
      await at.assign(tenant, 'usr_a', 'administrator')
      await at.assign(tenant, 'usr_o', 'operator')
      await at.assign(tenant, 'usr_v', 'viewer')
    }
    expect(await at.allowed('ten_b', 'usr_a', 'delete', 'users')).toBe(true)
    expect(await at.allowed('ten_m', 'usr_a', 'create', 'tenants')).toBe(false)
    expect(await at.allowed('ten_m', 'usr_o', 'create', 'tenants')).toBe(true)
    expect(await at.allowed('ten_b', 'usr_o', 'create', 'tenants')).toBe(false)
    expect(await at.allowed('ten_m', 'usr_o', 'delete', 'users')).toBe(false)
    expect(await at.allowed('ten_m', 'usr_v', 'read', 'users')).toBe(true)
    expect(await at.allowed('ten_m', 'usr_v', 'update', 'users')).toBe(false)
    expect(await at.allowed('ten_m', 'usr_v', 'read', 'tenants')).toBe(false)
  })
})

describe('guards', () => {
  test('a condition on something that the guard does not know never opens and always closes', async () => {
    await at.happens(
      'ten_1',
      'x',
      policy(
        'p',
        { action: 'read', subject: 'users', conditions: { status: { $ne: 'blocked' } } },
        { action: 'delete', subject: 'users' },
        { action: 'delete', subject: 'users', inverted: true, conditions: { vip: true } },
      ),
    )
    await at.happens('ten_1', 'x', role('r', [], ['p']))
    await at.assign('ten_1', 'usr_1', 'r')
    const question = { tenant: 'ten_1', subject: 'usr_1', resource: 'users' }
    expect(await at.engine.guards({ ...question, action: 'read', facts: { id: 'usr_2' } })).toBe(false)
    expect(await at.engine.guards({ ...question, action: 'delete', facts: { id: 'usr_2' } })).toBe(false)
    expect(await at.engine.guards({ ...question, action: 'read', facts: { status: 'active' } })).toBe(true)
    expect(await at.engine.guards({ ...question, action: 'delete', facts: { vip: false } })).toBe(true)
  })
})

test('the packed rules give the same verdicts in CASL as the engine', async () => {
  await at.happens(
    'ten_1',
    'x',
    policy(
      'p',
      { action: ['read', 'update'], subject: 'orders', conditions: { owner: '${subject.id}' } },
      { action: 'update', subject: 'orders', inverted: true, conditions: { status: { $in: ['shipped', 'paid'] } } },
      { action: 'read', subject: 'people', fields: ['name'] },
    ),
  )
  await at.happens('ten_1', 'x', role('a', [{ resource: 'invoices', action: 'manage' }], ['p']), role('b', [{ resource: 'orders', action: 'update' }]))
  await at.assign('ten_1', 'usr_1', 'a')
  await at.assign('ten_1', 'usr_1', 'b')
  await at.assign('ten_1', 'usr_2', 'administrator')
  let compared = 0
  for (const subject of ['usr_1', 'usr_2', 'usr_3']) {
    const { rules } = await at.engine.rules('ten_1', subject)
    const ability = createMongoAbility(unpackRules(rules as never) as never)
    for (const action of ['read', 'update', 'delete', 'manage'])
      for (const resource of ['orders', 'invoices', 'people', 'tenants', 'nothing'])
        for (const facts of [{}, { owner: 'usr_1' }, { owner: 'usr_1', status: 'paid' }, { status: 'open' }])
          for (const field of [undefined, 'name', 'salary']) {
            const here = await at.allowed('ten_1', subject, action, resource, facts, field)
            expect([subject, action, resource, facts, field, ability.can(action as never, asSubject(resource, { ...facts }) as never, field as never)]).toEqual(
              [subject, action, resource, facts, field, here],
            )
            compared++
          }
  }
  expect(compared).toBe(720)
})

test('an explanation lists the rules that were considered and the facts that they asked for', async () => {
  await at.happens(
    'ten_1',
    'x',
    policy(
      'p',
      { action: 'read', subject: 'orders', conditions: { owner: '${subject.id}', 'address.country': 'NL' } },
      { action: 'read', subject: 'orders', inverted: true, conditions: { secret: true }, reason: 'Secret.' },
    ),
  )
  await at.happens('ten_1', 'x', role('r', [], ['p']))
  await at.assign('ten_1', 'usr_1', 'r')
  const explanation = await at.engine.explain({
    tenant: 'ten_1',
    subject: 'usr_1',
    action: 'read',
    resource: 'orders',
    facts: { owner: 'usr_1', address: { country: 'NL' }, unused: 1 },
  })
  expect(explanation).toMatchObject({
    allowed: true,
    policy: 'p',
    rule: 0,
    grants: [{ role: 'r' }],
    facts: { owner: 'usr_1', 'address.country': 'NL', secret: null },
  })
  expect(explanation.considered.map(({ rule, effect, matched, because }) => [rule, effect, matched, because])).toEqual([
    [1, 'deny', false, 'conditions'],
    [0, 'allow', true, undefined],
  ])
})

test('what another generation of the view did before it took over is seen', async () => {
  await at.happens('ten_1', 'x', role('r', [{ resource: 'orders', action: 'read' }], []))
  await at.assign('ten_1', 'usr_1', 'r')
  expect(await at.allowed('ten_1', 'usr_1', 'read', 'orders')).toBe(true)
  await at.replacedAfter('ten_1', 'usr_1', roleUnassigned.of({ data: { assignee: 'usr_1', role: 'r' } }))
  expect(await at.allowed('ten_1', 'usr_1', 'read', 'orders')).toBe(false)
})
