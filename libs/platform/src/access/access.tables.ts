/** What every service keeps of roles, policies and assignments: enough to decide without asking anybody. */
import type { AccessRule } from '@pavan/contracts'
import type { PositionToken } from '../events/position-token.js'
import { defineTable } from '../views/rows.js'

export interface AccessRoleRow {
  readonly tenant: string
  readonly key: string
  readonly privileges: readonly { readonly resource: string; readonly action: string }[]
  /** Keys of the policies whose rules come with it. */
  readonly policies: readonly string[]
}

export interface AccessPolicyRow {
  readonly tenant: string
  readonly key: string
  readonly rules: readonly AccessRule[]
}

export interface Grant {
  readonly role: string
  /** The role counts in this organization only; in the whole tenant when absent. */
  readonly organization?: string
}

export interface AccessSubjectRow {
  readonly tenant: string
  readonly subject: string
  readonly grants: readonly Grant[]
  /** Organizations that the subject is a member of. */
  readonly organizations: readonly string[]
  /** Last event that changed the grants; a subject that has lost all of them keeps its row for it. */
  readonly changed?: PolicyChange
}

/** What was deleted. Rules on a deleted resource are silent until it is defined again; memberships of a deleted organization count no more. */
export interface AccessGoneRow {
  readonly tenant: string
  readonly kind: 'resource' | 'organization'
  readonly key: string
}

export interface AccessTenantRow {
  readonly tenant: string
  /** The first tenant, where `operator` counts. */
  readonly main: boolean
  /** Last event that changed roles, policies or resources of the tenant. */
  readonly changed?: PolicyChange
}

/** A change that verdicts depend on: where it lies in the log, and when it was, in milliseconds since 1970, because positions of two partitions cannot be compared. */
export interface PolicyChange {
  readonly position: PositionToken
  readonly at: number
}

const view = { version: 2, durability: 'rebuildable' } as const

export const accessRoles = defineTable<AccessRoleRow>({ name: 'access-roles', ...view, indexes: { byTenant: ['tenant', 'key'] } })
export const accessPolicies = defineTable<AccessPolicyRow>({ name: 'access-policies', ...view, indexes: { byTenant: ['tenant', 'key'] } })
export const accessSubjects = defineTable<AccessSubjectRow>({ name: 'access-subjects', ...view, indexes: { byTenant: ['tenant', 'subject'] } })
export const accessGone = defineTable<AccessGoneRow>({ name: 'access-gone', ...view, indexes: { byTenant: ['tenant', 'kind', 'key'] } })
export const accessTenants = defineTable<AccessTenantRow>({ name: 'access-tenants', ...view, indexes: { byTenant: ['tenant'] } })
