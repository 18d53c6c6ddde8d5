/** What must stay the same for the life of the data, recorded at the first start. */
import { createHmac } from 'node:crypto'
import { StartError } from '@pavan/platform/service/start-error.js'
import { durable, type Db } from './database.js'
import { isDuplicate, persist } from './retry.js'

export interface SettingsDoc {
  readonly _id: 'settings'
  readonly partitions: number
  /** Proof of the claim key that does not tell it. */
  readonly claimKey: string
}

export const settingsOf = async (shared: Db): Promise<SettingsDoc | null> =>
  persist(() => shared.collection<SettingsDoc>('settings').findOne({ _id: 'settings' }))

/** Throws a `StartError` when the data was made with other settings. */
export const recordOnce = async (shared: Db, partitions: number, key: Uint8Array): Promise<void> => {
  const claimKey = createHmac('sha256', key).update('pavan: which key is this?').digest('base64url')
  await persist(() => shared.collection<SettingsDoc>('settings').insertOne({ _id: 'settings', partitions, claimKey }, { writeConcern: durable })).catch(
    (error: unknown) => {
      if (!isDuplicate(error)) throw error
    },
  )
  const stored = (await settingsOf(shared)) as SettingsDoc
  if (stored.partitions !== partitions)
    throw new StartError(
      `The database has logs of ${stored.partitions} partitions, the settings say ${partitions}.`,
      `Set PAVAN_PARTITIONS to ${stored.partitions}: the number cannot change once there is data.`,
    )
  if (stored.claimKey !== claimKey)
    throw new StartError(
      'The database was made with another key of unique values.',
      'Set PAVAN_CLAIM_KEY to the key of the first start: with another one every unique value would be free again.',
    )
}
