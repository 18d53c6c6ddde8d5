/** The key of blind indexes of a service: random, made once, kept sealed, so that a new key-encryption key does not change it. */
import { randomBytes } from 'node:crypto'
import { StartError } from '../service/start-error.js'
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

/** Opened first of all that is sealed: here it shows whether the key-encryption key is that of the data. */
const open = async (keys: KeyRing, sealed: string): Promise<string> => {
  try {
    return (await keys.open(tenant, subject, name, sealed)) as string
  } catch (error) {
    throw new StartError(
      'The key-encryption key is not the one that this data was written with.',
      'Set PAVAN_KEK to that key (when it was replaced: add the former one to PAVAN_KEK_FORMER), or restore kek.key in the data folder from a backup.',
      { cause: error },
    )
  }
}

/** Whether the service has ever run on this data. */
export const hasIndexKey = async (rows: Rows): Promise<boolean> => (await rows.get(serviceSecrets, name)) !== undefined

export const indexKey = async (rows: Rows, keys: KeyRing): Promise<Uint8Array> => {
  if (!(await hasIndexKey(rows))) {
    const sealed = await keys.seal(tenant, subject, name, randomBytes(32).toString('base64'))
    // Of several copies that start together one wins; all read what is stored.
    await rows.apply([insert(serviceSecrets, name, { sealed })])
  }
  const { sealed } = (await rows.get(serviceSecrets, name)) as ServiceSecret
  return Buffer.from(await open(keys, sealed), 'base64')
}
