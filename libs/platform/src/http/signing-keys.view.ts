import { signingKeyCreated, signingKeyRetired, tenantCreated } from '@pavan/contracts'
import { keyOf, patch, put } from '../views/changes.js'
import { defineView, on } from '../views/define-view.js'
import { defineTable } from '../views/rows.js'

/** Either a key of a tenant or, under the key `tenant/issuer`, the name of its issuer. */
export interface SigningKeyRow {
  readonly tenant: string
  readonly kid?: string
  readonly jwk?: Record<string, unknown>
  /** Milliseconds since 1970; absent while the key signs. */
  readonly verifiedUntil?: number
  readonly slug?: string
}

export const signingKeysTable = defineTable<SigningKeyRow>({
  name: 'signing-keys',
  version: 1,
  durability: 'rebuildable',
  indexes: { byTenant: ['tenant'] },
})

/** What a service must know to verify the access tokens of every tenant by itself. */
export const signingKeysView = defineView({
  name: 'signing-keys',
  version: 1,
  tables: [signingKeysTable],
  on: [
    on(tenantCreated, (event) => [put(signingKeysTable, keyOf(event.stream.id, 'issuer'), { tenant: event.stream.id, slug: event.data.slug })]),
    on(signingKeyCreated, (event) => [
      put(signingKeysTable, keyOf(event.stream.tenant, event.data.kid), { tenant: event.stream.tenant, kid: event.data.kid, jwk: event.data.jwk }),
    ]),
    on(signingKeyRetired, (event) => [patch(signingKeysTable, keyOf(event.stream.tenant, event.data.kid), { verifiedUntil: event.data.verifiedUntil })]),
  ],
})
