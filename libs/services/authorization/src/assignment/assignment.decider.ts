/** The roles of one subject. The administrators of a tenant have a stream of their own (see administrators.decider.ts). */
import { refuse, type Decider } from '@pavan/kernel'
import { roleAssigned, roleUnassigned, type EventOf } from '@pavan/contracts'
import { grantKey, type Grant } from './grant.js'

/** Roles that a subject may have at a time. */
export const maxGrants = 200

export type AssignmentCommand =
  | { readonly type: 'assign'; readonly assignee: string; readonly grants: readonly Grant[] }
  | { readonly type: 'unassign'; readonly assignee: string; readonly grants: readonly Grant[] }
  /** Takes every role from the subject: it is gone. */
  | { readonly type: 'strip'; readonly assignee: string }

export type AssignmentEvent = EventOf<typeof roleAssigned> | EventOf<typeof roleUnassigned>

/** `grantKey` → when it was assigned, milliseconds since 1970. */
export type AssignmentState = ReadonlyMap<string, { readonly grant: Grant; readonly at: number }>

const distinct = (grants: readonly Grant[]): readonly Grant[] => [...new Map(grants.map((grant) => [grantKey(grant), grant])).values()]
const data = (assignee: string, { role, organization }: Grant) => (organization === undefined ? { assignee, role } : { assignee, role, organization })

export const assignment: Decider<AssignmentCommand, AssignmentEvent, AssignmentState> = {
  category: 'assignment',
  initial: new Map(),

  decide(command, state) {
    const { assignee } = command
    switch (command.type) {
      case 'assign': {
        const missing = distinct(command.grants).filter((grant) => !state.has(grantKey(grant)))
        if (state.size + missing.length > maxGrants) return refuse('authorization.assignment.too-many', { limit: maxGrants })
        return missing.map((grant) => roleAssigned.of({ data: data(assignee, grant) }))
      }
      case 'unassign':
        return distinct(command.grants)
          .filter((grant) => state.has(grantKey(grant)))
          .map((grant) => roleUnassigned.of({ data: data(assignee, grant) }))
      case 'strip':
        return [...state.values()].map(({ grant }) => roleUnassigned.of({ data: data(assignee, grant) }))
    }
  },

  evolve(state, event) {
    const { role, organization } = event.data
    const grant: Grant = organization === undefined ? { role } : { role, organization }
    const next = new Map(state)
    if (event.type === 'role.assigned') next.set(grantKey(grant), { grant, at: (event as { at?: number }).at ?? 0 })
    else next.delete(grantKey(grant))
    return next
  },
}
