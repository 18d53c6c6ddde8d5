/**
 * How far people get from opening the sign-up form. Everybody is counted on the day of their registration, whenever they take the
 * later steps. Events of different streams come in any order to each other, so every step remembers that it was taken.
 */
import { registrationStarted, signInSucceeded, userEmailVerified, userRegistered } from '@pavan/contracts'
import type { RecordedEvent } from '@pavan/kernel'
import { add, keyOf, put } from '@pavan/platform/views/changes.js'
import { defineView, on, type Changes, type Current } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'
import { startOf } from '../calendar.js'
import { countKey } from '../metrics/counted-rows.js'

export interface FunnelRow {
  readonly tenant: string
  /** Begin of the day, milliseconds since 1970. */
  readonly at: number
  readonly started: number
  readonly registered: number
  readonly verified: number
  readonly signedIn: number
}

/** Which steps somebody has taken. The key holds a keyed hash, so it names nobody and outlives an erasure. */
interface PersonRow {
  readonly tenant: string
  /** Day of the registration. */
  readonly at?: number
  readonly verified?: boolean
  readonly signedIn?: boolean
}

export const funnel = defineTable<FunnelRow>({ name: 'registration-funnel', version: 1, durability: 'rebuildable', indexes: { byTime: ['tenant', 'at'] } })
const people = defineTable<PersonRow>({ name: 'registration-funnel-people', version: 1, durability: 'rebuildable', indexes: {} })

type Step = 'started' | 'registered' | 'verified' | 'signedIn'

const count = (event: RecordedEvent<any>, at: number, step: Step) =>
  add(funnel, countKey(event, at), { [step]: 1 }, { tenant: event.stream.tenant, at, started: 0, registered: 0, verified: 0, signedIn: 0 })

/** Counts the steps that are new and belong to a known day. */
const take = async (event: RecordedEvent<any>, user: string, current: Current, taken: Omit<PersonRow, 'tenant'>): Promise<Changes> => {
  const { tenant } = event.stream
  const key = keyOf(tenant, await current.blind(tenant, 'registration-funnel', user))
  const before = (await current.get(people, key)) ?? { tenant }
  const after: PersonRow = { ...before, ...taken, at: before.at ?? taken.at }
  const { at } = after
  const isNew = (step: 'verified' | 'signedIn') => after[step] === true && (before[step] !== true || before.at === undefined)
  const steps: Step[] =
    at === undefined ? [] : [...(before.at === undefined ? (['registered'] as const) : []), ...(['verified', 'signedIn'] as const).filter(isNew)]
  const same = before.at === after.at && before.verified === after.verified && before.signedIn === after.signedIn
  return same ? [] : [put(people, key, after), ...steps.map((step) => count(event, at as number, step))]
}

export const funnelView = defineView({
  name: 'registration-funnel',
  version: 1,
  tables: [funnel, people],
  interval: 100,
  on: [
    on(registrationStarted, (event) => [count(event, startOf('day', event.at), 'started')]),
    on(userRegistered, (event, current: Current) =>
      take(event, event.stream.id, current, { at: startOf('day', event.at), ...(event.data.emailVerified ? { verified: true } : {}) }),
    ),
    on(userEmailVerified, (event, current: Current) => take(event, event.stream.id, current, { verified: true })),
    on(signInSucceeded, (event, current: Current) => take(event, event.data.user, current, { signedIn: true })),
  ],
})
