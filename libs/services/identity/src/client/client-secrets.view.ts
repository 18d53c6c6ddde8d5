/** Which secrets a client has, without the secrets: tells other copies of the service that something changed. */
import { clientSecretCreated, clientSecretRevoked } from '@pavan/contracts'
import { keyOf, put } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface ClientSecretRow {
  readonly tenant: string
  readonly client: string
  readonly secret: string
  readonly revoked: boolean
}

export const clientSecretRows = defineTable<ClientSecretRow>({
  name: 'client-secrets',
  version: 1,
  durability: 'rebuildable',
  indexes: { byClient: ['tenant', 'client'] },
})

export const clientSecretsView = defineView({
  name: 'client-secrets',
  version: 1,
  tables: [clientSecretRows],
  on: [
    on(clientSecretCreated, ({ stream: { tenant, id: client }, data: { secretId } }) => [
      put(clientSecretRows, keyOf(tenant, client, secretId), { tenant, client, secret: secretId, revoked: false }, { fresh: true }),
    ]),
    on(clientSecretRevoked, ({ stream: { tenant, id: client }, data: { secretId } }) => [
      put(clientSecretRows, keyOf(tenant, client, secretId), { tenant, client, secret: secretId, revoked: true }),
    ]),
  ],
})
