/**
 * The decider pattern (Jérémie Chassaing): a rule is a pure function from a command and the present state to events.
 * Ids, time, hashes and randomness come in with the command, so the same call always gives the same answer.
 */
import type { ClaimChange } from './claim.js'
import type { DomainEvent } from './event.js'
import type { Refusal } from './refusal.js'

export interface Decider<C, E extends DomainEvent, S> {
  /** Stream category, singular kebab-case: `user`, `session`. */
  readonly category: string
  readonly initial: S
  /** Returns the events that the command causes; an empty list when it asks for what already is; a refusal when it conflicts. */
  decide(command: C, state: S): readonly E[] | Refusal
  /** Applies one event. Never throws, never refuses: the event has happened. */
  evolve(state: S, event: E): S
  /** The unique values that an event takes or gives back. Judged by the store in the same commit. */
  claims?(event: E, stateBefore: S): readonly ClaimChange[]
}

/** The state after the given events. */
export const fold = <E extends DomainEvent, S>(decider: Pick<Decider<never, E, S>, 'initial' | 'evolve'>, events: Iterable<E>): S => {
  let state = decider.initial
  for (const event of events) state = decider.evolve(state, event)
  return state
}

/** All claim changes of new events, each judged against the state before it. */
export const claimsOf = <E extends DomainEvent, S>(decider: Decider<never, E, S>, state: S, events: readonly E[]): readonly ClaimChange[] => {
  if (!decider.claims) return []
  const changes: ClaimChange[] = []
  let current = state
  for (const event of events) {
    changes.push(...decider.claims(event, current))
    current = decider.evolve(current, event)
  }
  return changes
}
