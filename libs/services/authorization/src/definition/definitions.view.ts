/** Resources, roles and policies for lists. */
import { policyDeleted, policySet, resourceDefined, resourceDeleted, roleDefined, roleDeleted, type AnyEventType } from '@pavan/contracts'
import { put, remove, rowKey } from '@pavan/platform/views/changes.js'
import { defineView, on, type Current } from '@pavan/platform/views/define-view.js'
import { defineTable, type TableDefinition } from '@pavan/platform/views/rows.js'
import type { PolicyDefinition, ResourceDefinition, RoleDefinition } from './definitions.js'

export type DefinitionRow<D> = D & { readonly tenant: string; readonly createdAt: number; readonly version: number }

const tableOf = <D extends { readonly key: string }>(name: string): TableDefinition<DefinitionRow<D>> =>
  defineTable<DefinitionRow<D>>({ name, version: 1, durability: 'rebuildable', indexes: { byTenant: ['tenant', 'key'] } })

export const resources = tableOf<ResourceDefinition>('resources')
export const roles = tableOf<RoleDefinition>('roles')
export const policies = tableOf<PolicyDefinition>('policies')

const kept = <D extends { readonly key: string }>(table: TableDefinition<DefinitionRow<D>>, defined: AnyEventType, deleted: AnyEventType) => [
  on(defined, async (event, current: Current) => {
    const before = await current.get(table, rowKey(event))
    const row = { ...(event.data as unknown as D), tenant: event.stream.tenant, createdAt: before?.createdAt ?? event.at, version: event.version }
    return [put(table, rowKey(event), row)]
  }),
  on(deleted, (event) => [remove(table, rowKey(event))]),
]

export const definitionsView = defineView({
  name: 'definitions',
  version: 1,
  tables: [resources, roles, policies],
  on: [
    ...kept(resources, resourceDefined as never, resourceDeleted as never),
    ...kept(roles, roleDefined as never, roleDeleted as never),
    ...kept(policies, policySet as never, policyDeleted as never),
  ],
})
