/** What happened to each person, for the export of their data. */
import {
  consentGiven,
  consentWithdrawn,
  memberAdded,
  memberRemoved,
  passwordResetRequested,
  profileChanged,
  roleAssigned,
  roleUnassigned,
  sessionEnded,
  sessionStarted,
  signInFailed,
  signInSucceeded,
  subjectErased,
  subjectExported,
  userBlocked,
  userEmailChanged,
  userEmailVerified,
  userPasswordChanged,
  userRegistered,
  userUnblocked,
  type AnyEventType,
} from '@pavan/contracts'
import type { Origin, RecordedEvent } from '@pavan/kernel'
import { keyOf, put, removeAll } from '@pavan/platform/views/changes.js'
import { defineView, on, type Changes, type Current } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface HistoryRow {
  readonly tenant: string
  readonly user: string
  readonly at: number
  readonly type: string
  readonly actor: string
  /** The open part of the event: ids and names of attributes, nothing personal. */
  readonly data: Readonly<Record<string, unknown>>
  /** Stream of the event: the session, the organization. */
  readonly stream: string
  /** Address and device of the person, where it was the person who acted. */
  readonly personal?: Origin
}

interface ErasedRow {
  readonly tenant: string
  readonly user: string
}

export const subjectHistory = defineTable<HistoryRow>({
  name: 'subject-history',
  version: 1,
  durability: 'rebuildable',
  indexes: { byUser: ['tenant', 'user', 'at'] },
  personal: { field: 'personal', tenant: 'tenant', subject: 'user' },
})
const erased = defineTable<ErasedRow>({ name: 'erased-histories', version: 1, durability: 'rebuildable', indexes: {} })

const remember = async (event: RecordedEvent<any>, user: string | undefined, current: Current): Promise<Changes> => {
  const { tenant } = event.stream
  // Machine clients have roles too, but no data to be exported.
  if (user === undefined || !user.startsWith('usr_') || (await current.get(erased, keyOf(tenant, user)))) return []
  const { actor, origin } = event.meta
  // Whoever else acted has an address of their own, which is not this person's data.
  const own = actor.id === user || actor.type === 'anonymous'
  const row: HistoryRow = {
    tenant,
    user,
    at: event.at,
    type: event.type,
    actor: actor.id,
    data: event.data,
    stream: event.stream.id,
    ...(own && origin ? { personal: origin } : {}),
  }
  // What happened in the same millisecond stays in the order of the log.
  return [put(subjectHistory, keyOf(tenant, user, event.context, event.position.p, String(event.position.seq).padStart(15, '0')), row, { fresh: true })]
}

const ofStream = (type: AnyEventType) => on(type, (event, current: Current) => remember(event, event.stream.id, current))
const ofField = (type: AnyEventType, field: 'user' | 'assignee') =>
  on(type, (event, current: Current) => remember(event, (event.data as Record<string, string | undefined>)[field], current))

export const subjectHistoryView = defineView({
  name: 'subject-history',
  version: 1,
  tables: [subjectHistory, erased],
  interval: 100,
  origins: true,
  on: [
    ...[userRegistered, userEmailVerified, userEmailChanged, userPasswordChanged, userBlocked, userUnblocked].map((type) => ofStream(type as AnyEventType)),
    ...[
      sessionStarted,
      sessionEnded,
      signInSucceeded,
      signInFailed,
      consentGiven,
      consentWithdrawn,
      passwordResetRequested,
      memberAdded,
      memberRemoved,
      profileChanged,
      subjectExported,
    ].map((type) => ofField(type as AnyEventType, 'user')),
    ...[roleAssigned, roleUnassigned].map((type) => ofField(type as AnyEventType, 'assignee')),
    on(subjectErased, (event) => {
      const { tenant } = event.stream
      const { user } = event.data
      return [put(erased, keyOf(tenant, user), { tenant, user }), removeAll(subjectHistory, 'byUser', { tenant, user })]
    }),
  ],
})
