/** Tenants and their settings as admin tells them. */
import { defaultTenantSettings, tenantCreated, tenantRenamed, tenantSettingsSet, type TenantSettings } from '@pavan/contracts'
import { patch, put } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface TenantRow {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly settings: TenantSettings
}

/** Keyed by the tenant's id. The slug is the one look-up that begins without a tenant: it is how a visitor names one. */
export const tenants = defineTable<TenantRow>({ name: 'tenants', version: 1, durability: 'rebuildable', indexes: { bySlug: ['slug'], byId: ['id'] } })

export const tenantsView = defineView({
  name: 'tenants',
  version: 1,
  tables: [tenants],
  on: [
    on(tenantCreated, (event) => {
      const { slug, name } = event.data
      return [put(tenants, event.stream.id, { id: event.stream.id, slug, name, settings: defaultTenantSettings }, { fresh: true })]
    }),
    on(tenantRenamed, (event) => [patch(tenants, event.stream.id, { name: event.data.name })]),
    on(tenantSettingsSet, (event) => [patch(tenants, event.stream.tenant, { settings: event.data.settings })]),
  ],
})
