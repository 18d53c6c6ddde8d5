import {
  memberAdded,
  memberRemoved,
  organizationDeleted,
  policyDeleted,
  policySet,
  resourceDefined,
  resourceDeleted,
  roleAssigned,
  roleDefined,
  roleDeleted,
  roleUnassigned,
  tenantCreated,
} from '@pavan/contracts'
import type { RecordedEvent } from '@pavan/kernel'
import { positionToken } from '../events/position-token.js'
import { keyOf, put, remove } from '../views/changes.js'
import { defineView, on, type Changes, type Current } from '../views/define-view.js'
import {
  accessGone,
  accessPolicies,
  accessRoles,
  accessSubjects,
  accessTenants,
  type AccessSubjectRow,
  type Grant,
  type PolicyChange,
} from './access.tables.js'
import { firstTenantSlug } from './built-in-roles.js'

const same = (a: Grant, b: Grant): boolean => a.role === b.role && a.organization === b.organization

const changedBy = ({ context, position, at }: RecordedEvent<any>): PolicyChange => ({ position: positionToken(context, position), at })

/** The changes, and the new policy version of the tenant beside them. Not for assignments: all those of a tenant would wait for one row. */
const versioned = async (event: RecordedEvent<any>, current: Current, changes: Changes): Promise<Changes> => {
  const { tenant } = event.stream
  const before = await current.get(accessTenants, tenant)
  return [...changes, put(accessTenants, tenant, { tenant, main: before?.main ?? false, changed: changedBy(event) })]
}

const changeSubject = async (
  event: RecordedEvent<any>,
  current: Current,
  subject: string,
  change: (row: AccessSubjectRow) => AccessSubjectRow,
): Promise<Changes[number]> => {
  const { tenant } = event.stream
  const key = keyOf(tenant, subject)
  const next = change((await current.get(accessSubjects, key)) ?? { tenant, subject, grants: [], organizations: [] })
  return next.grants.length + next.organizations.length === 0 && !next.changed ? remove(accessSubjects, key) : put(accessSubjects, key, next)
}

export const accessView = defineView({
  name: 'access',
  version: 2,
  tables: [accessRoles, accessPolicies, accessSubjects, accessGone, accessTenants],
  on: [
    on(tenantCreated, async ({ stream, data }, current: Current) => {
      const before = await current.get(accessTenants, stream.id)
      return [put(accessTenants, stream.id, { tenant: stream.id, main: data.slug === firstTenantSlug, changed: before?.changed })]
    }),
    on(roleDefined, (event, current: Current) => {
      const { key, privileges, policies } = event.data
      return versioned(event, current, [put(accessRoles, keyOf(event.stream.tenant, key), { tenant: event.stream.tenant, key, privileges, policies })])
    }),
    on(roleDeleted, (event, current: Current) => versioned(event, current, [remove(accessRoles, keyOf(event.stream.tenant, event.data.key))])),
    on(policySet, (event, current: Current) => {
      const { key, rules } = event.data
      return versioned(event, current, [put(accessPolicies, keyOf(event.stream.tenant, key), { tenant: event.stream.tenant, key, rules })])
    }),
    on(policyDeleted, (event, current: Current) => versioned(event, current, [remove(accessPolicies, keyOf(event.stream.tenant, event.data.key))])),
    on(resourceDefined, (event, current: Current) => versioned(event, current, [remove(accessGone, keyOf(event.stream.tenant, 'resource', event.data.key))])),
    on(resourceDeleted, (event, current: Current) => {
      const { tenant } = event.stream
      return versioned(event, current, [put(accessGone, keyOf(tenant, 'resource', event.data.key), { tenant, kind: 'resource', key: event.data.key })])
    }),
    on(roleAssigned, async (event, current: Current) => {
      const { assignee, role, organization } = event.data
      const grant: Grant = organization === undefined ? { role } : { role, organization }
      return [
        await changeSubject(event, current, assignee, (row) => {
          const grants = row.grants.some((one) => same(one, grant)) ? row.grants : [...row.grants, grant]
          return { ...row, grants, changed: changedBy(event) }
        }),
      ]
    }),
    on(roleUnassigned, async (event, current: Current) => [
      await changeSubject(event, current, event.data.assignee, (row) => {
        const grants = row.grants.filter((one) => !same(one, event.data))
        return { ...row, grants, changed: changedBy(event) }
      }),
    ]),
    on(organizationDeleted, ({ stream: { tenant, id } }) => [put(accessGone, keyOf(tenant, 'organization', id), { tenant, kind: 'organization', key: id })]),
    on(memberAdded, async (event, current: Current) => [
      await changeSubject(event, current, event.data.user, (row) => ({ ...row, organizations: [...new Set([...row.organizations, event.stream.id])] })),
    ]),
    on(memberRemoved, async (event, current: Current) => [
      await changeSubject(event, current, event.data.user, (row) => ({ ...row, organizations: row.organizations.filter((one) => one !== event.stream.id) })),
    ]),
  ],
})
