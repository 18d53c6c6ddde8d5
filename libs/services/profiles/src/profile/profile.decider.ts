/** The attributes of one person. What a value may be is checked before, against the schema of the tenant. */
import type { Decider } from '@pavan/kernel'
import { profileChanged, type EventOf } from '@pavan/contracts'
import { mergeValues, type ProfileValues } from './profile-values.js'

export interface ProfileCommand {
  readonly type: 'change'
  readonly user: string
  /** Attribute → new value; `null` removes it. */
  readonly values: ProfileValues
}
export type ProfileEvent = EventOf<typeof profileChanged>

export interface ProfileState {
  readonly values: ProfileValues
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

export const profileDecider: Decider<ProfileCommand, ProfileEvent, ProfileState> = {
  category: 'profile',
  initial: { values: {} },

  decide({ user, values }, state) {
    const changed = Object.entries(values).filter(([key, value]) => !same(value ?? undefined, state.values[key]))
    if (changed.length === 0) return []
    return [profileChanged.of({ data: { user, attributes: changed.map(([key]) => key) }, personal: { values: Object.fromEntries(changed) } })]
  },

  /** Once the person is erased, the values of their events are unknown. */
  evolve: (state, event) => ({ values: mergeValues(state.values, event.personal?.values ?? {}) }),
}
