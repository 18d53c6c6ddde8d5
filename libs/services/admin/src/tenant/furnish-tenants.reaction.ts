/** A tenant whose creation was cut short by a crash gets what it should begin with all the same. */
import { tenantCreated } from '@pavan/contracts'
import { defineReaction, type ReactionCommand } from '@pavan/platform/bus/define-reaction.js'
import { on } from '@pavan/platform/views/define-view.js'
import { AdminAggregates } from '../admin-aggregates.js'
import { firstTenant, furnishTenant, management } from './furnish-tenant.js'

export const furnishTenants = defineReaction({
  name: 'furnish-tenants',
  inject: [AdminAggregates],
  with: (admin: AdminAggregates) => [
    on(tenantCreated, async (event, command: ReactionCommand) => {
      const { tenant } = event.stream
      if (event.data.slug === firstTenant) return // made at every start
      const { state } = await admin.clients.load(tenant, management)
      if (state.phase === 'none') await furnishTenant(admin, tenant, command.meta)
    }),
  ],
})
