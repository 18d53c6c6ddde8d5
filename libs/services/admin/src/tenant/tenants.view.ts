/** Tenants for the operator's list. */
import { tenantCreated, tenantRenamed } from '@pavan/contracts'
import { patch, put, rowKey } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface TenantRow {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly createdAt: number
  readonly version: number
}

/** The one table whose index does not begin with a tenant: only operators read it. */
export const tenants = defineTable<TenantRow>({ name: 'tenants', version: 1, durability: 'rebuildable', indexes: { bySlug: ['slug'] } })

export const tenantsView = defineView({
  name: 'tenants',
  version: 1,
  tables: [tenants],
  on: [
    on(tenantCreated, (event) => {
      const { slug, name } = event.data
      return [put(tenants, rowKey(event), { id: event.stream.id, slug, name, createdAt: event.at, version: event.version }, { fresh: true })]
    }),
    on(tenantRenamed, (event) => [patch(tenants, rowKey(event), { name: event.data.name, version: event.version })]),
  ],
})
