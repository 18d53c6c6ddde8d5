import { clientDeleted, clientRegistered, clientUpdated, type ClientSettings } from '@pavan/contracts'
import { put, remove, rowKey } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface OriginsRow {
  readonly tenant: string
  readonly client: string
  /** `https://app.example`, without a path. */
  readonly origins: readonly string[]
}

export const originsTable = defineTable<OriginsRow>({
  name: 'origins',
  version: 1,
  durability: 'rebuildable',
  indexes: { byTenant: ['tenant'] },
})

const row = (event: { stream: { tenant: string; id: string }; data: { settings: Pick<ClientSettings, 'kind' | 'allowedOrigins'> } }): OriginsRow => ({
  tenant: event.stream.tenant,
  client: event.stream.id,
  // Only the code of a single-page client holds its token in a browser.
  origins: event.data.settings.kind === 'spa' ? event.data.settings.allowedOrigins.map((url) => new URL(url).origin) : [],
})

/** The origins from which the single-page clients of each tenant may call. */
export const originsView = defineView({
  name: 'origins',
  version: 2,
  tables: [originsTable],
  on: [
    on(clientRegistered, (event) => [put(originsTable, rowKey(event), row(event), { fresh: true })]),
    on(clientUpdated, (event) => [put(originsTable, rowKey(event), row(event))]),
    on(clientDeleted, (event) => [remove(originsTable, rowKey(event))]),
  ],
})
