/** Given/when/then for deciders: reads like the rule that it states. */
import type { Decider } from './decider.js'
import type { DomainEvent } from './event.js'
import { fold } from './decider.js'

export interface Given<C, E extends DomainEvent> {
  when(command: C): { readonly result: ReturnType<Decider<C, E, unknown>['decide']> }
}

/** `given(user, [registered]).when({type: 'verify-email', …}).result` is what the decider answers. */
export const given = <C, E extends DomainEvent, S>(decider: Decider<C, E, S>, events: readonly E[]): Given<C, E> => ({
  when: (command) => ({ result: decider.decide(command, fold(decider, events)) }),
})
