/** An application: what people know, whatever number of clients it is used through. */
import { refuse, type Decider } from '@pavan/kernel'
import { applicationCreated, applicationDeleted, applicationUpdated, type EventOf } from '@pavan/contracts'
import { recordedAt } from '../recorded-at.js'

interface Texts {
  readonly name: string
  readonly description?: string
}

export type ApplicationCommand = ({ readonly type: 'create' } & Texts) | ({ readonly type: 'update' } & Texts) | { readonly type: 'delete' }
export type ApplicationEvent = EventOf<typeof applicationCreated> | EventOf<typeof applicationUpdated> | EventOf<typeof applicationDeleted>

export interface ApplicationState extends Texts {
  readonly phase: 'none' | 'active' | 'deleted'
  readonly createdAt: number
}

const same = (a: Texts, b: Texts): boolean => a.name === b.name && a.description === b.description

export const application: Decider<ApplicationCommand, ApplicationEvent, ApplicationState> = {
  category: 'application',
  initial: { phase: 'none', name: '', createdAt: 0 },

  decide(command, state) {
    switch (command.type) {
      case 'create': {
        const { name, description } = command
        if (state.phase === 'none') return [applicationCreated.of({ data: { name, description } })]
        return state.phase === 'active' && same(command, state) ? [] : refuse('admin.application.exists')
      }
      case 'update': {
        const { name, description } = command
        if (state.phase !== 'active') return refuse('admin.application.not-found')
        return same(command, state) ? [] : [applicationUpdated.of({ data: { name, description } })]
      }
      case 'delete':
        if (state.phase === 'none') return refuse('admin.application.not-found')
        return state.phase === 'deleted' ? [] : [applicationDeleted.of({ data: {} })]
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'application.created':
        return { phase: 'active', ...event.data, createdAt: recordedAt(event) }
      case 'application.updated':
        return { phase: state.phase, createdAt: state.createdAt, ...event.data }
      case 'application.deleted':
        return { ...state, phase: 'deleted' }
    }
  },
}
