/** Clients for lists, by tenant and by application. */
import { clientDeleted, clientRegistered, clientUpdated, type ClientSettings } from '@pavan/contracts'
import { patch, put, remove, rowKey } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface ClientRow {
  readonly tenant: string
  readonly id: string
  readonly application: string
  readonly settings: ClientSettings
  readonly createdAt: number
  readonly version: number
}

export const clients = defineTable<ClientRow>({
  name: 'clients',
  version: 1,
  durability: 'rebuildable',
  indexes: { byTenant: ['tenant', 'createdAt'], byApplication: ['tenant', 'application', 'createdAt'] },
})

export const clientsView = defineView({
  name: 'clients',
  version: 1,
  tables: [clients],
  on: [
    on(clientRegistered, (event) => {
      const { tenant, id } = event.stream
      const { application, settings } = event.data
      return [put(clients, rowKey(event), { tenant, id, application, settings, createdAt: event.at, version: event.version }, { fresh: true })]
    }),
    on(clientUpdated, (event) => [patch(clients, rowKey(event), { settings: event.data.settings, version: event.version })]),
    on(clientDeleted, (event) => [remove(clients, rowKey(event))]),
  ],
})
