/** A person's account: address, password hash, and whether it may be used. */
import { refuse, release, releaseAll, take, type Decider } from '@pavan/kernel'
import {
  userBlocked,
  userEmailChanged,
  userEmailVerified,
  userErased,
  userPasswordChanged,
  userRegistered,
  userUnblocked,
  type EventOf,
} from '@pavan/contracts'

type Registered = EventOf<typeof userRegistered>['data']

export type UserCommand =
  | {
      readonly type: 'register'
      readonly method: Registered['method']
      readonly email: string
      readonly name?: string
      readonly passwordHash?: string
      readonly emailVerified: boolean
      readonly client?: string
      readonly locale?: string
      readonly roles?: readonly string[]
    }
  | { readonly type: 'change-email'; readonly email: string }
  | { readonly type: 'verify-email' }
  | { readonly type: 'change-password'; readonly passwordHash: string; readonly method: 'change' | 'reset' | 'rehash' | 'admin'; readonly session?: string }
  | { readonly type: 'block' | 'unblock' | 'erase' }

export type UserEvent = EventOf<
  | typeof userRegistered
  | typeof userEmailVerified
  | typeof userEmailChanged
  | typeof userPasswordChanged
  | typeof userBlocked
  | typeof userUnblocked
  | typeof userErased
>

export interface UserState {
  readonly phase: 'none' | 'active' | 'blocked' | 'erased'
  /** Undefined once the person's key is destroyed, as the other personal values. */
  readonly email?: string
  readonly emailVerified: boolean
  readonly name?: string
  readonly locale?: string
  readonly passwordHash?: string
}

export const user: Decider<UserCommand, UserEvent, UserState> = {
  category: 'user',
  initial: { phase: 'none', emailVerified: false },

  decide(command, state) {
    if (command.type === 'register') {
      if (state.phase !== 'none') return refuse('identity.user.exists')
      const { method, client, locale, emailVerified, email, name, passwordHash, roles = [] } = command
      return [userRegistered.of({ data: { method, client, locale, emailVerified, roles: [...roles] }, personal: { email, name }, secret: { passwordHash } })]
    }
    if (state.phase === 'none') return refuse('identity.user.not-found')
    if (command.type === 'erase') return state.phase === 'erased' ? [] : [userErased.of({ data: {} })]
    if (state.phase === 'erased') return refuse('request.subject.erased')
    switch (command.type) {
      case 'verify-email':
        return state.emailVerified ? [] : [userEmailVerified.of({ data: {} })]
      case 'change-email':
        if (command.email !== state.email) return [userEmailChanged.of({ data: {}, personal: { email: command.email, previous: state.email } })]
        // Whoever confirms the address that they have has proved it.
        return state.emailVerified ? [] : [userEmailVerified.of({ data: {} })]
      case 'change-password': {
        const { method, session, passwordHash } = command
        return [userPasswordChanged.of({ data: { method, session }, secret: { passwordHash } })]
      }
      case 'block':
        return state.phase === 'blocked' ? [] : [userBlocked.of({ data: {} })]
      case 'unblock':
        return state.phase === 'blocked' ? [userUnblocked.of({ data: {} })] : []
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'user.registered':
        return {
          phase: 'active',
          email: event.personal?.email,
          name: event.personal?.name,
          emailVerified: event.data.emailVerified,
          locale: event.data.locale,
          passwordHash: event.secret?.passwordHash,
        }
      case 'user.email-verified':
        return { ...state, emailVerified: true }
      case 'user.email-changed':
        return { ...state, email: event.personal?.email, emailVerified: true }
      case 'user.password-changed':
        return { ...state, passwordHash: event.secret?.passwordHash }
      case 'user.blocked':
        return { ...state, phase: 'blocked' }
      case 'user.unblocked':
        return { ...state, phase: 'active' }
      case 'user.erased':
        return { phase: 'erased', emailVerified: false }
    }
  },

  claims(event, before) {
    switch (event.type) {
      case 'user.registered':
        return event.personal ? [take('email', event.personal.email)] : []
      case 'user.email-changed':
        return event.personal ? [...(before.email === undefined ? [] : [release('email', before.email)]), take('email', event.personal.email)] : []
      case 'user.erased':
        return [releaseAll()]
      default:
        return []
    }
  },
}
