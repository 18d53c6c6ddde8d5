/** A browser session: it begins with a sign-in, lets its owner into further applications, and ends once. */
import { refuse, type Decider } from '@pavan/kernel'
import { sessionEnded, sessionStarted, signInSucceeded, type EventOf } from '@pavan/contracts'

export type SignInMethod = 'password' | 'sso' | 'set-up'
export type EndReason = EventOf<typeof sessionEnded>['data']['reason']

interface Application {
  readonly client?: string
  readonly application?: string
}

export type SessionCommand =
  | ({ readonly type: 'start'; readonly session: string; readonly user: string; readonly method: SignInMethod; readonly expiresAt: number } & Application)
  /** `sso` into an application that the session has seen before is nothing new; every other method is a sign-in of its own. */
  | ({ readonly type: 'sign-in'; readonly session: string; readonly method: SignInMethod } & Application)
  | { readonly type: 'end'; readonly reason: EndReason }

export type SessionEvent = EventOf<typeof sessionStarted> | EventOf<typeof signInSucceeded> | EventOf<typeof sessionEnded>

export interface SessionState {
  readonly phase: 'none' | 'alive' | 'ended'
  readonly user: string
  readonly clients: readonly string[]
}

export const session: Decider<SessionCommand, SessionEvent, SessionState> = {
  category: 'session',
  initial: { phase: 'none', user: '', clients: [] },

  decide(command, state) {
    switch (command.type) {
      case 'start': {
        if (state.phase !== 'none') return refuse('identity.session.exists')
        const { session: id, user, method, expiresAt, client, application } = command
        return [sessionStarted.of({ data: { user, method, expiresAt } }), signInSucceeded.of({ data: { user, session: id, method, client, application } })]
      }
      case 'sign-in': {
        if (state.phase !== 'alive') return refuse('identity.session.not-found')
        const { session: id, method, client, application } = command
        if (method === 'sso' && client !== undefined && state.clients.includes(client)) return []
        return [signInSucceeded.of({ data: { user: state.user, session: id, method, client, application } })]
      }
      case 'end':
        if (state.phase === 'none') return refuse('identity.session.not-found')
        return state.phase === 'ended' ? [] : [sessionEnded.of({ data: { user: state.user, reason: command.reason } })]
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'session.started':
        return { phase: 'alive', user: event.data.user, clients: [] }
      case 'sign-in.succeeded': {
        const { client } = event.data
        return client === undefined || state.clients.includes(client) ? state : { ...state, clients: [...state.clients, client] }
      }
      case 'session.ended':
        return { ...state, phase: 'ended' }
    }
  },
}
