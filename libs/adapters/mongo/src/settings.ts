/** What must stay the same for the life of the data, recorded at the first start. */
import { createHmac } from 'node:crypto'
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

const proofOf = (key: Uint8Array): string => createHmac('sha256', key).update('pavan: which key is this?').digest('base64url')

/** Records the settings at the first start; answers what is recorded. */
export const recordOnce = async (shared: Db, partitions: number, key: Uint8Array): Promise<SettingsDoc> => {
  const settings: SettingsDoc = { _id: 'settings', partitions, claimKey: proofOf(key) }
  await persist(() => shared.collection<SettingsDoc>('settings').insertOne(settings, { writeConcern: durable })).catch((error: unknown) => {
    if (!isDuplicate(error)) throw error
  })
  return (await settingsOf(shared)) as SettingsDoc
}

/** What does not fit the data that is there. */
export const settingsFaults = (stored: SettingsDoc, partitions: number, key: Uint8Array): { sentence: string; remedy: string }[] => [
  ...(stored.partitions === partitions
    ? []
    : [
        {
          sentence: `The database has logs of ${stored.partitions} partitions, the settings say ${partitions}.`,
          remedy: `Set PAVAN_PARTITIONS to ${stored.partitions}: the number cannot change once there is data.`,
        },
      ]),
  ...(stored.claimKey === proofOf(key)
    ? []
    : [
        {
          sentence: 'The database was made with another key of unique values.',
          remedy: 'Set PAVAN_CLAIM_KEY to the key of the first start: with another one every unique value would be free again.',
        },
      ]),
]
