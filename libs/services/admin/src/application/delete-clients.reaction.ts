/** Clients go with their application, also one that was registered at the very moment in which the application was deleted. */
import { applicationDeleted, clientRegistered } from '@pavan/contracts'
import { orThrow } from '@pavan/kernel'
import { defineReaction, type ReactionCommand } from '@pavan/platform/bus/define-reaction.js'
import { positionToken } from '@pavan/platform/events/position-token.js'
import { on } from '@pavan/platform/views/define-view.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Views } from '@pavan/platform/views/views.js'
import { AdminAggregates } from '../admin-aggregates.js'
import { clients, clientsView, type ClientRow } from '../client/clients.view.js'

export const deleteClients = defineReaction({
  name: 'delete-clients',
  inject: [AdminAggregates, Rows, Views],
  with: (admin: AdminAggregates, rows: Rows, views: Views) => {
    const remove = async (tenant: string, id: string, command: ReactionCommand): Promise<void> => {
      orThrow(await admin.clients.handle({ tenant, id, meta: command.meta }, { type: 'delete' }))
    }
    return [
      on(applicationDeleted, async (event, command: ReactionCommand) => {
        const { tenant, id: application } = event.stream
        await views.waitFor(positionToken(event.context, event.position), clientsView.name)
        let cursor: string | undefined
        const found: ClientRow[] = []
        do {
          const page = await rows.find(clients, { index: 'byApplication', where: { tenant, application }, limit: 1000, cursor })
          found.push(...page.items)
          cursor = page.next
        } while (cursor)
        for (const { id } of found) await remove(tenant, id, command)
      }),
      on(clientRegistered, async (event, command: ReactionCommand) => {
        const { tenant, id } = event.stream
        const { state } = await admin.applications.load(tenant, event.data.application)
        if (state.phase === 'deleted') await remove(tenant, id, command)
      }),
    ]
  },
})
