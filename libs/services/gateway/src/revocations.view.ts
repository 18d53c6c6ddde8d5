import { clientDeleted, sessionEnded, userBlocked, userErased, userUnblocked } from '@pavan/contracts'
import { keyOf, put, remove } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

/** No access token lives longer (milliseconds), so older revocations need not be remembered. One minute more for clocks. */
export const longestToken = 11 * 60_000

export interface RevocationRow {
  readonly tenant: string
  /** Id of a session, a user or a client. Their prefixes keep them apart. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly until: number
}

export const revocationsTable = defineTable<RevocationRow>({
  name: 'revocations',
  version: 1,
  durability: 'rebuildable',
  indexes: { byTenant: ['tenant', 'until'] },
  expires: 'until',
})

interface Happened {
  readonly at: number
  readonly stream: { readonly tenant: string; readonly id: string }
}

const key = (event: Happened) => keyOf(event.stream.tenant, event.stream.id)
const revoke = (event: Happened) => [put(revocationsTable, key(event), { tenant: event.stream.tenant, id: event.stream.id, until: event.at + longestToken })]

/** What access tokens of the last ten minutes must not be used for any more. */
export const revocationsView = defineView({
  name: 'revocations',
  version: 1,
  tables: [revocationsTable],
  on: [
    on(sessionEnded, revoke),
    on(userBlocked, revoke),
    on(userErased, revoke),
    on(clientDeleted, revoke),
    on(userUnblocked, (event) => [remove(revocationsTable, key(event))]),
  ],
})
