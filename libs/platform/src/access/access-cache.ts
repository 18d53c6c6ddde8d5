/**
 * Compiled rules in memory, per tenant and subject. The view `access` says what changed, and only that is read again.
 * A role is compiled once and shared by its subjects; a change of a role makes every subject look its roles up again, nothing more.
 */
import type { AccessRule } from '@pavan/contracts'
import type { PositionToken } from '../events/position-token.js'
import { keyOf } from '../views/changes.js'
import type { RowChange, Rows } from '../views/rows.js'
import type { Views } from '../views/views.js'
import {
  accessGone,
  accessPolicies,
  accessRoles,
  accessSubjects,
  accessTenants,
  type AccessSubjectRow,
  type AccessTenantRow,
  type Grant,
  type PolicyChange,
} from './access.tables.js'
import { accessView } from './access.view.js'
import { BoundedMap } from './bounded-map.js'
import { builtInRoles, isBuiltInRole } from './built-in-roles.js'
import { CompiledRole, rulesOf } from './compiled-role.js'
import type { AskingSubject } from './rule-templates.js'
import { SubjectMap } from './subject-map.js'

/** Everything that decides about one subject. */
export interface SubjectAccess {
  readonly subject: AskingSubject
  readonly grants: readonly Grant[]
  readonly roles: readonly CompiledRole[]
  /** The built-in role of the first tenant, held in the whole tenant. */
  readonly operator: boolean
  readonly tenant: TenantAccess
  /** Position of the last change of the tenant's roles, policies and resources, or of the subject's assignments, whichever came later. */
  readonly policyVersion: PositionToken
  /** `TenantAccess.version` that `roles` belongs to. */
  readonly version: number
}

export interface TenantAccess {
  main: boolean
  /** Last change of roles, policies and resources. */
  changed: PolicyChange
  /** Another number whenever a role, policy or resource changes. */
  version: number
  readonly silent: { resources: ReadonlySet<string>; organizations: ReadonlySet<string> }
}

const capacity = { tenants: 10_000, subjects: 200_000, roles: 50_000 }

export class AccessCache {
  readonly #tenants = new BoundedMap<TenantAccess>(capacity.tenants)
  readonly #subjects = new SubjectMap<SubjectAccess>(capacity.subjects)
  readonly #roles = new BoundedMap<CompiledRole>(capacity.roles)
  readonly #loading = new Map<string, Promise<SubjectAccess>>()
  readonly #loadingTenants = new Map<string, Promise<TenantAccess>>()
  /** Rises with every change, so that what was read before it is not kept after it. */
  #changes = 0
  #versions = 0

  constructor(
    private readonly rows: Rows,
    views: Pick<Views, 'watch'>,
  ) {
    views.watch(accessView.name, { changed: (changes) => this.#forget(changes), outdated: () => this.#forgetAll() })
  }

  /** What is known without asking the rows. */
  known(tenant: string, subject: string): SubjectAccess | undefined {
    return this.finder(tenant)(subject)
  }

  /** `known` for many subjects of one tenant in one go. */
  finder(tenant: string): (subject: string) => SubjectAccess | undefined {
    const state = this.#tenants.get(tenant)
    const subjects = this.#subjects.of(tenant)
    return (subject) => {
      const found = subjects?.get(subject)
      return found && found.tenant === state && found.version === found.tenant.version ? found : undefined
    }
  }

  load(tenant: string, subject: string): Promise<SubjectAccess> {
    const key = keyOf(tenant, subject)
    const running = this.#loading.get(key)
    if (running) return running
    const loading: Promise<SubjectAccess> = this.#load(tenant, subject).then(
      (access) => {
        if (this.#loading.get(key) === loading) {
          this.#loading.delete(key)
          this.#subjects.set(tenant, subject, access)
        }
        return access
      },
      (error: unknown) => {
        if (this.#loading.get(key) === loading) this.#loading.delete(key)
        throw error
      },
    )
    this.#loading.set(key, loading)
    return loading
  }

  async tenant(id: string): Promise<TenantAccess> {
    const known = this.#tenants.get(id)
    if (known) return known
    const running = this.#loadingTenants.get(id)
    if (running) return running
    const loading = this.#loadTenant(id).finally(() => this.#loadingTenants.delete(id))
    this.#loadingTenants.set(id, loading)
    return loading
  }

  async #loadTenant(id: string): Promise<TenantAccess> {
    for (;;) {
      const before = this.#changes
      const row = await this.rows.get(accessTenants, id)
      const access: TenantAccess = {
        main: row?.main ?? false,
        changed: row?.changed ?? neverChanged,
        version: ++this.#versions,
        silent: { resources: await this.#gone(id, 'resource'), organizations: await this.#gone(id, 'organization') },
      }
      if (before !== this.#changes) continue
      this.#tenants.set(id, access)
      return access
    }
  }

  async #gone(tenant: string, kind: 'resource' | 'organization'): Promise<ReadonlySet<string>> {
    const keys = new Set<string>()
    let cursor: string | undefined
    do {
      const page = await this.rows.find(accessGone, { index: 'byTenant', where: { tenant, kind }, limit: 1000, cursor })
      for (const row of page.items) keys.add(row.key)
      cursor = page.next
    } while (cursor)
    return keys
  }

  async #load(tenant: string, id: string): Promise<SubjectAccess> {
    for (;;) {
      const state = await this.tenant(tenant)
      const { version } = state
      const row: AccessSubjectRow = (await this.rows.get(accessSubjects, keyOf(tenant, id))) ?? { tenant, subject: id, grants: [], organizations: [] }
      const subject: AskingSubject = { id, tenant, organizations: row.organizations.filter((one) => !state.silent.organizations.has(one)) }
      const grants = row.grants.filter((grant) => grant.organization === undefined || !state.silent.organizations.has(grant.organization))
      const roles = await Promise.all(grants.map((grant) => this.#role(tenant, state, grant)))
      // Something changed while it was read. What is new is asked for again; `known` sees to the rest.
      if (state.version !== version || this.#tenants.get(tenant) !== state) continue
      const operator = state.main && grants.some((grant) => grant.role === 'operator' && grant.organization === undefined)
      return {
        subject,
        grants,
        roles: roles.filter((role) => role.rules.length > 0).map((role) => role.for(subject)),
        operator,
        tenant: state,
        policyVersion: later(state.changed, row.changed).position,
        version,
      }
    }
  }

  async #role(tenant: string, state: TenantAccess, grant: Grant): Promise<CompiledRole> {
    const key = keyOf(tenant, state.version, grant.role, grant.organization ?? '')
    const known = this.#roles.get(key)
    if (known) return known
    const compiled = new CompiledRole(rulesOf(grant, await this.#parts(tenant, grant), state.silent.resources))
    this.#roles.set(key, compiled)
    return compiled
  }

  async #parts(tenant: string, grant: Grant): Promise<readonly { readonly policy?: string; readonly rules: readonly AccessRule[] }[]> {
    if (isBuiltInRole(grant.role)) return [{ rules: builtInRoles[grant.role]?.rules ?? [] }]
    const role = await this.rows.get(accessRoles, keyOf(tenant, grant.role))
    if (!role) return []
    const policies = await Promise.all(role.policies.map((policy) => this.rows.get(accessPolicies, keyOf(tenant, policy))))
    const privileges = role.privileges.map(({ resource, action }) => ({ action, subject: resource }))
    return [{ rules: privileges }, ...policies.filter((policy) => policy !== undefined).map(({ key, rules }) => ({ policy: key, rules }))]
  }

  #forget(changes: readonly RowChange<any>[]): void {
    this.#changes++
    const stale = new Set<string>()
    for (const change of changes) {
      if (!('key' in change)) continue
      const { key } = change
      switch (change.table.name) {
        case accessSubjects.name:
          this.#subjects.delete(tenantOf(key), key.slice(key.indexOf('/') + 1))
          this.#loading.delete(key)
          break
        case accessTenants.name:
          if (change.op === 'put') this.#position(key, change.row as AccessTenantRow)
          else this.#tenants.delete(key)
          break
        case accessGone.name:
          this.#tenants.delete(tenantOf(key))
          break
        default:
          stale.add(tenantOf(key))
      }
    }
    for (const tenant of stale) this.#stale(tenant)
  }

  #forgetAll(): void {
    this.#changes++
    this.#tenants.clear()
    this.#subjects.clear()
    this.#roles.clear()
    this.#loading.clear()
  }

  #position(tenant: string, row: AccessTenantRow): void {
    const state = this.#tenants.get(tenant)
    if (!state) return
    state.changed = row.changed ?? neverChanged
    if (state.main !== row.main) this.#stale(tenant)
    state.main = row.main
  }

  /** Policies are shared by roles, so every role of the tenant is compiled again when it is next asked for. */
  #stale(tenant: string): void {
    const state = this.#tenants.get(tenant)
    if (state) state.version = ++this.#versions
  }
}

const neverChanged: PolicyChange = { position: 'authorization:0:0', at: 0 }

const later = (one: PolicyChange, other: PolicyChange | undefined): PolicyChange => (other && other.at >= one.at ? other : one)

const tenantOf = (key: string): string => key.slice(0, key.indexOf('/'))
