/** Adapters on databases of their own, which are dropped in the end. */
import { randomBytes } from 'node:crypto'
import mongoose from 'mongoose'
import { mongoAdapters, type MongoAdapters, type MongoAdaptersOptions } from '../mongo-adapters.js'

export interface Scratch {
  readonly prefix: string
  readonly adapters: MongoAdapters
  close(): Promise<void>
}

export const scratchPrefix = (): string => `spec-${randomBytes(5).toString('hex')}`

export const scratch = (options: Omit<MongoAdaptersOptions, 'claimKey' | 'prefix'> & { readonly databases: readonly string[] }): Scratch => {
  const prefix = scratchPrefix()
  const adapters = mongoAdapters({ ...options, prefix, claimKey: new Uint8Array(32), maxClockSkewMs: Infinity })
  return {
    prefix,
    adapters,
    async close() {
      await adapters.close()
      await dropDatabases(
        options.url,
        [...options.databases, 'keys'].map((name) => `${prefix}_${name}`),
      )
    },
  }
}

export const dropDatabases = async (url: string, names: readonly string[]): Promise<void> => {
  const connection = await mongoose.createConnection(url, { retryWrites: false }).asPromise()
  for (const name of names) await connection.useDb(name).db?.dropDatabase()
  await connection.close()
}
