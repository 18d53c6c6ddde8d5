/** Whether the key-encryption key is the one of the data. */
import { LocalKeyEncryptionKey } from '@pavan/platform/privacy/kek.js'
import { hasIndexKey, indexKey, serviceSecrets } from '@pavan/platform/privacy/index-key.js'
import { KeyRing } from '@pavan/platform/privacy/key-ring.js'
import type { Adapters } from '@pavan/platform/service/adapters.js'
import { appConfig } from '@pavan/platform/service/app-config.js'
import type { Finding } from '@pavan/platform/service/finding.js'
import { readConfig } from '@pavan/platform/service/service-config.js'
import { StartError } from '@pavan/platform/service/start-error.js'

export const checkKeys = async (adapters: Adapters, env: NodeJS.ProcessEnv): Promise<Finding> => {
  const { PAVAN_KEK: key, PAVAN_KEK_FORMER: former } = readConfig(appConfig, env)
  if (!key) return { level: 'error', sentence: 'PAVAN_KEK is not set.', remedy: 'Set the same key for every service: 32 random bytes in base64.' }
  const { rows, keys } = await adapters.portsFor('identity')
  await rows.open([serviceSecrets])
  if (!(await hasIndexKey(rows))) return { level: 'ok', sentence: 'There is no data yet that a key-encryption key must fit.' }
  try {
    await indexKey(rows, new KeyRing(keys, new LocalKeyEncryptionKey(key, former)))
    return { level: 'ok', sentence: 'The key-encryption key is the one of the data.' }
  } catch (error) {
    if (error instanceof StartError) return { level: 'error', sentence: error.message, remedy: error.remedy }
    throw error
  }
}
