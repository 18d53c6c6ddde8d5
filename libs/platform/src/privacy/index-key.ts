/** The key of blind indexes of a service: random, made once, kept sealed, so that a new key-encryption key does not change it. */
import { randomBytes } from 'node:crypto'
import { insert } from '../views/changes.js'
import { defineTable, type Rows } from '../views/rows.js'
import type { KeyRing } from './key-ring.js'

interface ServiceSecret {
  readonly sealed: string
}

export const serviceSecrets = defineTable<ServiceSecret>({ name: 'service-secrets', version: 1, durability: 'full', indexes: {} })

const tenant = 'system'
const subject = 'service-secrets'
const name = 'blind-index'

export const indexKey = async (rows: Rows, keys: KeyRing): Promise<Uint8Array> => {
  if (!(await rows.get(serviceSecrets, name))) {
    const sealed = await keys.seal(tenant, subject, name, randomBytes(32).toString('base64'))
    // Of several copies that start together one wins; all read what is stored.
    await rows.apply([insert(serviceSecrets, name, { sealed })])
  }
  const { sealed } = (await rows.get(serviceSecrets, name)) as ServiceSecret
  return Buffer.from((await keys.open(tenant, subject, name, sealed)) as string, 'base64')
}
