/** An erased person belongs to no organization any more. */
import { subjectErased } from '@pavan/contracts'
import { orThrow } from '@pavan/kernel'
import { defineReaction, type ReactionCommand } from '@pavan/platform/bus/define-reaction.js'
import { on } from '@pavan/platform/views/define-view.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { AdminAggregates } from '../admin-aggregates.js'
import { members } from './organizations.view.js'

export const leaveOrganizations = defineReaction({
  name: 'leave-organizations',
  inject: [AdminAggregates, Rows],
  with: (admin: AdminAggregates, rows: Rows) => [
    on(subjectErased, async (event, command: ReactionCommand) => {
      const { tenant } = event.stream
      const { user } = event.data
      let cursor: string | undefined
      do {
        const page = await rows.find(members, { index: 'byUser', where: { tenant, user }, limit: 200, cursor })
        for (const { organization } of page.items) {
          orThrow(await admin.organizations.handle({ tenant, id: organization, meta: command.meta }, { type: 'remove-member', user }))
        }
        cursor = page.next
      } while (cursor)
    }),
  ],
})
