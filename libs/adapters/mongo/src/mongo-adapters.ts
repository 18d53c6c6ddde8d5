/** All state ports on one MongoDB server: a database for each service, and one for the subject keys of all. */
import type { Clock } from '@pavan/kernel'
import type { StateAdapters } from '@pavan/platform/service/compose-adapters.js'
import type { Finding } from '@pavan/platform/service/finding.js'
import { StartError } from '@pavan/platform/service/start-error.js'
import { StorageUnavailable } from '@pavan/platform/service/storage-unavailable.js'
import type { Connection } from 'mongoose'
import { checkServer } from './check-server.js'
import { connect, nonce, type Db } from './database.js'
import { MongoEventStore } from './mongo-event-store.js'
import { MongoRows } from './mongo-rows.js'
import { MongoSubjectKeyStore } from './mongo-subject-key-store.js'
import { recordOnce, settingsFaults } from './settings.js'

export interface MongoAdaptersOptions {
  readonly url: string
  /** Beginning of the database names; `pavan` by default. */
  readonly prefix?: string
  readonly clock: Clock
  /** Key of the claims' HMAC-SHA-256, 32 bytes: the same for all copies, for the life of the data. */
  readonly claimKey: Uint8Array
  /** Partitions of each log; 16 by default. Recorded at the first start: another number later is a `StartError`. */
  readonly partitions?: number
  /** Names this copy among those of the same service; random by default, and never the same twice. */
  readonly copy?: string
  /** How far the clock may be from the server's before the start is refused, in milliseconds; 60,000 by default. */
  readonly maxClockSkewMs?: number
}

export interface MongoAdapters extends StateAdapters {
  /** What `pavan doctor` says about the server and the settings. */
  check(): Promise<readonly Finding[]>
}

/** `portsFor` throws a `StartError` when the server cannot be reached, the clock is wrong, or the settings do not fit the data. */
export const mongoAdapters = (options: MongoAdaptersOptions): MongoAdapters => {
  const { url, prefix = 'pavan', clock, claimKey, partitions = 16, copy = nonce(), maxClockSkewMs = 60_000 } = options
  if (claimKey.length !== 32) throw new StartError('The key of unique values is not 32 bytes long.', 'Set PAVAN_CLAIM_KEY to 32 bytes in base64.')
  let connecting: Promise<Connection> | undefined
  let keys: Promise<MongoSubjectKeyStore> | undefined
  const opened: { close(): Promise<void> }[] = []
  const services = new Map<string, ReturnType<typeof make>>()

  /** What fails is tried again by the next call. */
  const connection = (): Promise<Connection> =>
    (connecting ??= connect(url).catch((error: unknown) => {
      connecting = undefined
      throw error
    }))
  const database = async (name: string): Promise<Db> => (await connection()).useDb(`${prefix}_${name}`).db as Db
  const check = async (): Promise<readonly Finding[]> => {
    try {
      return await checkServer({ admin: await database('keys'), now: () => clock.now(), maxClockSkewMs, partitions, claimKey })
    } catch (error) {
      if (error instanceof StartError) return [{ level: 'error', sentence: error.message, remedy: error.remedy }]
      if (error instanceof StorageUnavailable)
        return [{ level: 'error', sentence: 'The MongoDB server does not answer.', remedy: 'Look at its log and at the network between.' }]
      throw error
    }
  }

  const make = async (service: string) => {
    const shared = await database('keys')
    const wrong = (await check()).find(({ level }) => level === 'error')
    if (wrong) throw new StartError(wrong.sentence, wrong.remedy ?? 'Run `pavan doctor` to learn more.')
    // Two first starts at once may say two things: the second one finds what the first one recorded.
    const [fault] = settingsFaults(await recordOnce(shared, partitions, claimKey), partitions, claimKey)
    if (fault) throw new StartError(fault.sentence, fault.remedy)
    const db = await database(service)
    const opening = MongoRows.open({ db, clock })
    // A partition that becomes free was that of a copy that is gone.
    const onTaken = (): void => void opening.then((rows) => rows.takeOver()).catch(() => undefined)
    const [store, rows, subjectKeys] = await Promise.all([
      MongoEventStore.open({ db, context: service, claimKey, partitions, copy: `${service}-${copy}`, onTaken }),
      opening,
      (keys ??= MongoSubjectKeyStore.open(shared)),
    ])
    opened.push(store, rows)
    return { store, rows, keys: subjectKeys }
  }

  return {
    name: 'MongoDB',
    check,
    portsFor(service) {
      let ports = services.get(service)
      if (!ports) {
        services.set(service, (ports = make(service)))
        ports.catch(() => services.delete(service))
      }
      return ports
    },
    async close() {
      await Promise.allSettled(services.values())
      await Promise.all(opened.map((one) => one.close()))
      await (await connecting)?.close()
    },
  }
}
