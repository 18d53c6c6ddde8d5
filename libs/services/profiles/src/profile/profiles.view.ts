/**
 * Profiles for lists and search. Identity's and our own events come in any order to each other, also in a rebuild, so every handler
 * makes the row that it misses; a mark tells late events of an erased person from those of a new one.
 */
import { profileChanged, subjectErased, userEmailChanged, userEmailVerified, userRegistered } from '@pavan/contracts'
import type { RecordedEvent } from '@pavan/kernel'
import { keyOf, put, remove, removeAll } from '@pavan/platform/views/changes.js'
import { defineView, on, type Changes, type Current } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'
import { prefixesOf, termsOf } from '../search/search-terms.js'
import { mergeValues, type ProfileValues } from './profile-values.js'

export interface ProfilePersonal {
  readonly email?: string
  /** As given at registration; the attribute `name` takes its place. */
  readonly name?: string
  readonly values: ProfileValues
}

export interface ProfileRow {
  readonly tenant: string
  readonly user: string
  /** A profile exists when its account does. */
  readonly registered: boolean
  readonly createdAt: number
  readonly emailVerified: boolean
  readonly personal?: ProfilePersonal
}

export interface SearchTokenRow {
  readonly tenant: string
  readonly user: string
  /** Keyed hash of a prefix (see ADR 0014). */
  readonly token: string
}

interface ErasedRow {
  readonly tenant: string
  readonly user: string
}

export const profiles = defineTable<ProfileRow>({
  name: 'profiles',
  version: 1,
  durability: 'rebuildable',
  indexes: { byTenant: ['tenant', 'registered', 'createdAt'], byUser: ['tenant', 'user'] },
  personal: { field: 'personal', tenant: 'tenant', subject: 'user' },
})
export const searchTokens = defineTable<SearchTokenRow>({
  name: 'search-tokens',
  version: 1,
  durability: 'rebuildable',
  indexes: { byToken: ['tenant', 'token', 'user'], byUser: ['tenant', 'user'] },
})
const erased = defineTable<ErasedRow>({ name: 'erased-profiles', version: 1, durability: 'rebuildable', indexes: {} })

/** Name of the blind index of search prefixes. */
export const searchIndex = 'profile-search'

type Change = (row: ProfileRow) => ProfileRow | undefined

/** Changes the row of a person and, where words of theirs may have changed, their search tokens. */
const change = async (event: RecordedEvent<any>, user: string, current: Current, apply: Change, words: boolean): Promise<Changes> => {
  const { tenant } = event.stream
  const key = keyOf(tenant, user)
  if (await current.get(erased, key)) return []
  const before = await current.get(profiles, key)
  const row = apply(before ?? { tenant, user, registered: false, createdAt: event.at, emailVerified: false })
  if (!row) return []
  if (!words) return [put(profiles, key, row)]
  const tokens = await Promise.all(prefixesOf(termsOf(row.personal ?? none)).map((prefix) => current.blind(tenant, searchIndex, prefix)))
  return [
    put(profiles, key, row),
    ...(before ? [removeAll(searchTokens, 'byUser', { tenant, user })] : []),
    ...tokens.map((token) => put(searchTokens, keyOf(tenant, user, token), { tenant, user, token }, { fresh: !before })),
  ]
}

const none: ProfilePersonal = { values: {} }

export const profilesView = defineView({
  name: 'profiles',
  version: 1,
  tables: [profiles, searchTokens, erased],
  on: [
    on(userRegistered, (event, current: Current) => {
      const { personal } = event
      const register: Change = (row) =>
        personal && {
          ...row,
          registered: true,
          createdAt: event.at,
          emailVerified: row.emailVerified || event.data.emailVerified,
          personal: { ...none, ...row.personal, email: row.personal?.email ?? personal.email, name: personal.name },
        }
      return change(event, event.stream.id, current, register, true)
    }),
    on(userEmailVerified, (event, current: Current) => change(event, event.stream.id, current, (row) => ({ ...row, emailVerified: true }), false)),
    on(userEmailChanged, (event, current: Current) => {
      const { personal } = event
      return change(
        event,
        event.stream.id,
        current,
        (row) => personal && { ...row, emailVerified: true, personal: { ...none, ...row.personal, email: personal.email } },
        true,
      )
    }),
    on(profileChanged, (event, current: Current) => {
      const { personal } = event
      const merge: Change = (row) =>
        personal && { ...row, personal: { ...none, ...row.personal, values: mergeValues(row.personal?.values ?? {}, personal.values) } }
      return change(event, event.data.user, current, merge, true)
    }),
    on(subjectErased, (event) => {
      const { tenant } = event.stream
      const { user } = event.data
      return [put(erased, keyOf(tenant, user), { tenant, user }), remove(profiles, keyOf(tenant, user)), removeAll(searchTokens, 'byUser', { tenant, user })]
    }),
  ],
})
