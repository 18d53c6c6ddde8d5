/** The registration of an OAuth client. Its secrets are identity's. */
import { refuse, type Decider } from '@pavan/kernel'
import { clientDeleted, clientRegistered, clientUpdated, type ClientSettings, type EventOf } from '@pavan/contracts'
import { clientIssues } from '@pavan/contracts/admin/client-rules.js'
import { recordedAt } from '../recorded-at.js'

export type ClientCommand =
  | {
      readonly type: 'register'
      readonly application: string
      readonly settings: ClientSettings
      /** Roles that the client has from the start: for the clients that every tenant begins with. */
      readonly roles?: readonly string[]
    }
  | { readonly type: 'replace'; readonly settings: ClientSettings }
  | { readonly type: 'delete' }

export type ClientEvent = EventOf<typeof clientRegistered> | EventOf<typeof clientUpdated> | EventOf<typeof clientDeleted>

export interface ClientState {
  readonly phase: 'none' | 'active' | 'deleted'
  readonly application: string
  readonly settings?: ClientSettings
  readonly createdAt: number
}

/** Both come out of the same schema, so their fields stand in the same order. */
const same = (a: ClientSettings, b: ClientSettings | undefined): boolean => JSON.stringify(a) === JSON.stringify(b)

const broken = (settings: ClientSettings) => {
  const issue = clientIssues(settings)[0]
  return issue && refuse('admin.client.invalid', { field: issue.path.join('/'), detail: issue.message })
}

export const client: Decider<ClientCommand, ClientEvent, ClientState> = {
  category: 'client',
  initial: { phase: 'none', application: '', createdAt: 0 },

  decide(command, state) {
    switch (command.type) {
      case 'register': {
        const { application, settings, roles } = command
        if (state.phase !== 'none')
          return state.phase === 'active' && state.application === application && same(settings, state.settings) ? [] : refuse('admin.client.exists')
        return broken(settings) ?? [clientRegistered.of({ data: { application, settings, ...(roles ? { roles: [...roles] } : {}) } })]
      }
      case 'replace': {
        if (state.phase !== 'active') return refuse('admin.client.not-found')
        // Secrets, consents and tokens in circulation were given to a client of this kind.
        if (command.settings.kind !== state.settings?.kind) return refuse('admin.client.kind-fixed')
        if (same(command.settings, state.settings)) return []
        return broken(command.settings) ?? [clientUpdated.of({ data: { application: state.application, settings: command.settings } })]
      }
      case 'delete':
        if (state.phase === 'none') return refuse('admin.client.not-found')
        return state.phase === 'deleted' ? [] : [clientDeleted.of({ data: { application: state.application } })]
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'client.registered':
        return { phase: 'active', application: event.data.application, settings: event.data.settings, createdAt: recordedAt(event) }
      case 'client.updated':
        return { ...state, settings: event.data.settings }
      case 'client.deleted':
        return { ...state, phase: 'deleted' }
    }
  },
}
