/** OAuth clients as admin registers them. */
import { clientDeleted, clientRegistered, clientUpdated, type ClientSettings } from '@pavan/contracts'
import { patch, put, remove, rowKey } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface ClientRow {
  readonly tenant: string
  readonly id: string
  readonly application: string
  readonly settings: ClientSettings
  /** The machine client by which the installation itself is operated. */
  readonly operator: boolean
}

export const clients = defineTable<ClientRow>({ name: 'clients', version: 1, durability: 'rebuildable', indexes: { byTenant: ['tenant', 'id'] } })

export const clientsView = defineView({
  name: 'clients',
  version: 1,
  tables: [clients],
  on: [
    on(clientRegistered, (event) => {
      const { tenant, id } = event.stream
      const { application, settings, roles = [] } = event.data
      return [put(clients, rowKey(event), { tenant, id, application, settings, operator: roles.includes('operator') }, { fresh: true })]
    }),
    on(clientUpdated, (event) => [patch(clients, rowKey(event), { application: event.data.application, settings: event.data.settings })]),
    on(clientDeleted, (event) => [remove(clients, rowKey(event))]),
  ],
})
