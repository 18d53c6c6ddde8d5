/** One connection of the process, kept by mongoose, and the databases of the services on it. */
import { drawRandom } from '@pavan/platform/service/random-pool.js'
import { StartError } from '@pavan/platform/service/start-error.js'
import mongoose, { type Connection, type mongo } from 'mongoose'
import { failOnDestroyedSockets } from './destroyed-socket.js'
import { jitter } from './retry.js'

export type Collection<T extends mongo.Document = mongo.Document> = mongo.Collection<T>
export type Db = mongo.Db

/** Acknowledged by a majority, on disk. */
export const durable: mongo.WriteConcernSettings = { w: 'majority', j: true }
/** Acknowledged by a majority: power loss at all of them at once may take the last moments. */
export const acknowledged: mongo.WriteConcernSettings = { w: 'majority', j: false }
/** Of a write with that durability. */
export const concern = (durability: 'full' | 'rebuildable'): { writeConcern: mongo.WriteConcernSettings } => ({
  writeConcern: durability === 'full' ? durable : acknowledged,
})

/** What the URL does not say. */
const defaults = {
  serverSelectionTimeoutMS: 2_000,
  connectTimeoutMS: 2_000,
  socketTimeoutMS: 15_000,
  waitQueueTimeoutMS: 5_000,
  maxPoolSize: 64,
  retryWrites: false,
}

/**
 * Reads see what a majority has, so that nothing seen is rolled back by a fail-over. The driver does not repeat writes: not every server
 * keeps the promise that it needs for that, and each write here is found again by an id of its own.
 */
export const connect = async (url: string): Promise<Connection> => {
  failOnDestroyedSockets()
  const given = new URL(url).searchParams
  const connection = mongoose.createConnection()
  try {
    return await connection.openUri(url, {
      autoIndex: false,
      autoCreate: false,
      bufferCommands: false,
      readConcernLevel: 'majority',
      ...Object.fromEntries(Object.entries(defaults).filter(([name]) => !given.has(name))),
    })
  } catch (error) {
    await connection.destroy().catch(() => undefined)
    throw new StartError('The MongoDB server of MONGODB_URL cannot be reached.', 'Start it, or correct MONGODB_URL.', { cause: error })
  }
}

/** Id of one attempt to write: who finds it in a document knows whose write it was. */
export const nonce = (): string => drawRandom(12).toString('base64url')

interface WriteReply {
  /** In FerretDB also one object. */
  readonly writeErrors?: WriteFault | readonly WriteFault[]
}
interface WriteFault {
  readonly index: number
  readonly code: number
  readonly errmsg: string
}

/**
 * Inserts documents, each for itself; answers the places of those whose key exists. Any other error is thrown. The command is sent as it is: a bulk of the
 * driver serializes each document twice, to know how long it is. The caller sees to it that they fit into a message.
 */
export const insertAll = async (
  db: Db,
  collection: { readonly collectionName: string },
  documents: readonly object[],
  durability: 'full' | 'rebuildable' = 'full',
): Promise<readonly number[]> => {
  const reply = (await db.command({ insert: collection.collectionName, documents, ordered: false, ...concern(durability) })) as WriteReply
  const faults = [reply.writeErrors ?? []].flat() as WriteFault[]
  const other = faults.find(({ code }) => Number(code) !== 11000)
  if (other) throw new mongoose.mongo.MongoServerError({ message: other.errmsg, code: Number(other.code) })
  return faults.map(({ index }) => index)
}

/** NamespaceExists, and what a server says when two copies make the same collection at once. */
const alreadyThere = new Set([48, 26, 11000])

/** Makes a collection with its indexes; several copies may do it at the same time. */
export const prepare = async (db: Db, name: string, indexes: readonly mongo.IndexDescription[] = []): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    try {
      await db.createCollection(name).catch((error: { code?: number }) => {
        if (!alreadyThere.has(error.code ?? 0)) throw error
      })
      if (indexes.length > 0) await db.collection(name).createIndexes([...indexes])
      return
    } catch (error) {
      if (attempt === 5) throw error
      await jitter(attempt)
    }
  }
}

/** So many documents at most in one command. */
export const mostAtOnce = 1_000

export const chunks = <T>(items: readonly T[], size = mostAtOnce): T[][] => {
  const made: T[][] = []
  for (let i = 0; i < items.length; i += size) made.push(items.slice(i, i + size))
  return made
}

/** The order of documents in a command with several: the same everywhere, so that two commands cannot wait for each other in the database. */
export const byId = (a: { readonly _id: string }, b: { readonly _id: string }): number => (a._id < b._id ? -1 : 1)
