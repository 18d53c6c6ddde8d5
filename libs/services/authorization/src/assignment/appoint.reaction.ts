/** Roles that come with an account or a client: the first administrator of a tenant, the operator's client. */
import { clientRegistered, userRegistered } from '@pavan/contracts'
import { orThrow } from '@pavan/kernel'
import { defineReaction, type ReactionCommand } from '@pavan/platform/bus/define-reaction.js'
import { on } from '@pavan/platform/views/define-view.js'
import { Assignments } from './assignments.js'

export const appoint = defineReaction({
  name: 'appoint',
  inject: [Assignments],
  with: (assignments: Assignments) => {
    const give = async (event: { stream: { tenant: string; id: string } }, roles: readonly string[], { meta }: ReactionCommand): Promise<void> => {
      if (roles.length === 0) return
      orThrow(
        await assignments.assign(
          { tenant: event.stream.tenant, meta },
          event.stream.id,
          roles.map((role) => ({ role })),
        ),
      )
    }
    return [
      on(userRegistered, (event, command: ReactionCommand) => give(event, event.data.roles, command)),
      on(clientRegistered, (event, command: ReactionCommand) => give(event, event.data.roles ?? [], command)),
    ]
  },
})
