/** A person as far as the law is concerned: when their data was handed out, and that they are erased. */
import { refuse, type Decider } from '@pavan/kernel'
import { erasureCompleted, subjectErased, subjectExported, type EventOf } from '@pavan/contracts'
import { recordedAt } from './recorded-at.js'

export type SubjectCommand =
  | { readonly type: 'export'; readonly user: string }
  | { readonly type: 'erase'; readonly user: string; readonly erasure: string }
  | { readonly type: 'complete'; readonly user: string; readonly stores: readonly string[] }

export type SubjectEvent = EventOf<typeof subjectExported> | EventOf<typeof subjectErased> | EventOf<typeof erasureCompleted>

export interface SubjectState {
  readonly phase: 'known' | 'erased' | 'completed'
  readonly erasure?: string
  /** Milliseconds since 1970. */
  readonly erasedAt?: number
  readonly completedAt?: number
}

export const subjectDecider: Decider<SubjectCommand, SubjectEvent, SubjectState> = {
  category: 'subject',
  initial: { phase: 'known' },

  decide(command, state) {
    const { user } = command
    switch (command.type) {
      case 'export':
        return state.phase === 'known' ? [subjectExported.of({ data: { user } })] : refuse('request.subject.erased')
      case 'erase':
        return state.phase === 'known' ? [subjectErased.of({ data: { user, erasure: command.erasure } })] : []
      case 'complete':
        if (state.phase === 'known' || state.erasure === undefined) return refuse('profiles.erasure.not-begun')
        return state.phase === 'completed' ? [] : [erasureCompleted.of({ data: { user, erasure: state.erasure, stores: [...command.stores] } })]
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'subject.exported':
        return state
      case 'subject.erased':
        return { phase: 'erased', erasure: event.data.erasure, erasedAt: recordedAt(event) }
      case 'erasure.completed':
        return { ...state, phase: 'completed', completedAt: recordedAt(event) }
    }
  },
}
