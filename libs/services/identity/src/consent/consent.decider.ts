/** What a person allowed one client to do. The stream is the pair of person and client. */
import type { Decider } from '@pavan/kernel'
import { consentGiven, consentWithdrawn, type EventOf } from '@pavan/contracts'

export type ConsentCommand =
  | { readonly type: 'give'; readonly user: string; readonly client: string; readonly scopes: readonly string[] }
  | { readonly type: 'withdraw'; readonly user: string; readonly client: string }

export type ConsentEvent = EventOf<typeof consentGiven> | EventOf<typeof consentWithdrawn>

export interface ConsentState {
  /** Everything allowed so far; empty after a withdrawal. */
  readonly scopes: readonly string[]
}

/** Id of the stream. */
export const consentId = (user: string, client: string): string => `${user}.${client}`

export const consent: Decider<ConsentCommand, ConsentEvent, ConsentState> = {
  category: 'consent',
  initial: { scopes: [] },

  decide(command, state) {
    const { user, client } = command
    switch (command.type) {
      case 'give': {
        const scopes = [...new Set([...state.scopes, ...command.scopes])]
        return scopes.length === state.scopes.length ? [] : [consentGiven.of({ data: { user, client, scopes } })]
      }
      case 'withdraw':
        return state.scopes.length === 0 ? [] : [consentWithdrawn.of({ data: { user, client } })]
    }
  },

  evolve: (_state, event) => ({ scopes: event.type === 'consent.given' ? event.data.scopes : [] }),
}
