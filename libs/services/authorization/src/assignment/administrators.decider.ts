/**
 * The administrators of a tenant, in one stream: that somebody must remain is a rule about all of them together,
 * and only what lies in one stream is decided by one conditional write.
 */
import { refuse, type Decider } from '@pavan/kernel'
import { roleAssigned, roleUnassigned } from '@pavan/contracts'
import type { AssignmentEvent } from './assignment.decider.js'

export const administratorRole = 'administrator'

export type AdministratorsCommand =
  | { readonly type: 'appoint'; readonly assignee: string }
  | { readonly type: 'dismiss'; readonly assignee: string }
  /** The subject is gone, whether or not somebody remains. */
  | { readonly type: 'strip'; readonly assignee: string }

/** Subject → since when, milliseconds since 1970. */
export type AdministratorsState = ReadonlyMap<string, number>

const isPerson = (subject: string): boolean => subject.startsWith('usr_')

export const administrators: Decider<AdministratorsCommand, AssignmentEvent, AdministratorsState> = {
  category: 'administrators',
  initial: new Map(),

  decide({ type, assignee }, state) {
    const data = { assignee, role: administratorRole }
    if (type === 'appoint') return state.has(assignee) ? [] : [roleAssigned.of({ data })]
    if (!state.has(assignee)) return []
    if (type === 'dismiss') {
      const others = [...state.keys()].filter((subject) => subject !== assignee)
      // A machine client does not make up for the last person: nobody could sign in to the console any more.
      const remains = isPerson(assignee) ? others.some(isPerson) : others.length > 0
      if (!remains) return refuse('authorization.assignment.last-administrator')
    }
    return [roleUnassigned.of({ data })]
  },

  evolve(state, event) {
    const next = new Map(state)
    if (event.type === 'role.assigned') next.set(event.data.assignee, (event as { at?: number }).at ?? 0)
    else next.delete(event.data.assignee)
    return next
  },
}
