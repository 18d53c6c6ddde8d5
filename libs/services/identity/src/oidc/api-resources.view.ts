/** The APIs for which access tokens are made: resource indicators (RFC 8707) and the scopes that each offers. */
import { resourceDefined, resourceDeleted } from '@pavan/contracts'
import { keyOf, put, remove } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface ApiResourceRow {
  readonly tenant: string
  readonly key: string
  /** Absent: the resource is served by the management API. */
  readonly indicator?: string
  /** `orders:read`, one for each privilege. */
  readonly scopes: readonly string[]
}

export const apiResources = defineTable<ApiResourceRow>({
  name: 'api-resources',
  version: 1,
  durability: 'rebuildable',
  indexes: { byTenant: ['tenant', 'key'] },
})

export const apiResourcesView = defineView({
  name: 'api-resources',
  version: 1,
  tables: [apiResources],
  on: [
    on(resourceDefined, (event) => {
      const { key, indicator, privileges } = event.data
      const { tenant } = event.stream
      return [put(apiResources, keyOf(tenant, key), { tenant, key, indicator, scopes: privileges.map(({ action }) => `${key}:${action}`) })]
    }),
    on(resourceDeleted, (event) => [remove(apiResources, keyOf(event.stream.tenant, event.data.key))]),
  ],
})
