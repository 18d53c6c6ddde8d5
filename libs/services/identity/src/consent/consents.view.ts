/** Which clients a person has allowed to act for them. */
import { consentGiven, consentWithdrawn } from '@pavan/contracts'
import { keyOf, put, remove } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface ConsentRow {
  readonly tenant: string
  readonly user: string
  readonly client: string
  readonly scopes: readonly string[]
  /** Milliseconds since 1970. */
  readonly givenAt: number
}

export const consentRows = defineTable<ConsentRow>({
  name: 'consents',
  version: 1,
  durability: 'rebuildable',
  indexes: { byUser: ['tenant', 'user', 'client'] },
})

export const consentsView = defineView({
  name: 'consents',
  version: 1,
  tables: [consentRows],
  on: [
    on(consentGiven, ({ stream: { tenant }, data: { user, client, scopes }, at }) => [
      put(consentRows, keyOf(tenant, user, client), { tenant, user, client, scopes, givenAt: at }),
    ]),
    on(consentWithdrawn, ({ stream: { tenant }, data: { user, client } }) => [remove(consentRows, keyOf(tenant, user, client))]),
  ],
})
