/** All state ports on one MongoDB server: a database for each service, and one for the subject keys of all. */
import type { Clock } from '@pavan/kernel'
import type { StateAdapters } from '@pavan/platform/service/compose-adapters.js'
import type { Connection } from 'mongoose'
import { connect } from './database.js'
import { MongoRows } from './mongo-rows.js'
import { MongoSubjectKeyStore } from './mongo-subject-key-store.js'

export interface MongoAdaptersOptions {
  readonly url: string
  readonly prefix?: string
  readonly clock: Clock
  readonly claimKey: Uint8Array
}
export const mongoAdapters = ({ url, prefix = 'pavan', clock }: MongoAdaptersOptions): StateAdapters => {
  let connection: Promise<Connection> | undefined
  const db = async (name: string) => (await (connection ??= connect(url))).useDb(`${prefix}_${name}`).db!
  const rows: MongoRows[] = []
  return {
    name: 'mongo',
    async portsFor(service) {
      const own = await MongoRows.open({ db: await db(service), clock })
      rows.push(own)
      return { store: undefined as never, rows: own, keys: await MongoSubjectKeyStore.open(await db('keys')) }
    },
    async close() {
      for (const own of rows) await own.close()
      await (await connection)?.close()
    },
  }
}
