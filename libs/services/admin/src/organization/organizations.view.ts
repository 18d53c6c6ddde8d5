/** Organizations and memberships for lists. */
import { memberAdded, memberRemoved, organizationCreated, organizationDeleted, organizationRenamed } from '@pavan/contracts'
import { add, keyOf, patch, put, remove, removeAll, rowKey } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface OrganizationRow {
  readonly tenant: string
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly members: number
  readonly createdAt: number
  readonly version: number
}

export interface MemberRow {
  readonly tenant: string
  readonly organization: string
  readonly user: string
  readonly addedAt: number
}

export const organizations = defineTable<OrganizationRow>({
  name: 'organizations',
  version: 1,
  durability: 'rebuildable',
  indexes: { byTenant: ['tenant', 'createdAt'] },
})
export const members = defineTable<MemberRow>({
  name: 'members',
  version: 1,
  durability: 'rebuildable',
  indexes: { byOrganization: ['tenant', 'organization', 'addedAt'], byUser: ['tenant', 'user', 'organization'] },
})

const none = {} as OrganizationRow // counters only ever change where the organization exists

export const organizationsView = defineView({
  name: 'organizations',
  version: 1,
  tables: [organizations, members],
  on: [
    on(organizationCreated, (event) => {
      const { tenant, id } = event.stream
      return [put(organizations, rowKey(event), { tenant, id, ...event.data, members: 0, createdAt: event.at, version: event.version }, { fresh: true })]
    }),
    on(organizationRenamed, (event) => [patch(organizations, rowKey(event), { name: event.data.name, version: event.version })]),
    on(organizationDeleted, (event) => {
      const { tenant, id } = event.stream
      return [remove(organizations, rowKey(event)), removeAll(members, 'byOrganization', { tenant, organization: id })]
    }),
    on(memberAdded, (event) => {
      const { tenant, id } = event.stream
      const row = { tenant, organization: id, user: event.data.user, addedAt: event.at }
      return [
        put(members, keyOf(tenant, id, event.data.user), row),
        add(organizations, rowKey(event), { members: 1 }, none),
        patch(organizations, rowKey(event), { version: event.version }),
      ]
    }),
    on(memberRemoved, (event) => {
      const { tenant, id } = event.stream
      return [
        remove(members, keyOf(tenant, id, event.data.user)),
        add(organizations, rowKey(event), { members: -1 }, none),
        patch(organizations, rowKey(event), { version: event.version }),
      ]
    }),
  ],
})
