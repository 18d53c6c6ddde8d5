/** Several copies of an event store on one database, for proofs. */
import type { StreamId } from '@pavan/kernel'
import type { NewEvent } from '@pavan/platform/events/event-store.js'
import type { Connection } from 'mongoose'
import { connect, type Db } from '../database.js'
import { MongoEventStore, type MongoEventStoreOptions } from '../mongo-event-store.js'
import { dropDatabases, scratchPrefix } from './scratch.js'
import { wrappedDb, type Hooks } from './wrapped-db.js'

let made = 0
export const event = (data: unknown = {}): NewEvent => ({
  id: `evt_${process.pid}_${++made}`,
  type: 'thing.happened',
  schema: 1,
  at: 1_700_000_000_000,
  data,
  meta: { actor: { type: 'system', id: 'proof' } },
})
export const stream = (id: string, tenant = 'ten_a'): StreamId => ({ tenant, category: 'user', id })

export class StoreBench {
  readonly #url: string
  #connection: Connection | undefined
  readonly #names: string[] = []
  readonly #opened = new Set<MongoEventStore>()

  constructor(url: string) {
    this.#url = url
  }

  async db(): Promise<Db> {
    this.#connection ??= await connect(this.#url)
    const name = scratchPrefix()
    this.#names.push(name)
    return this.#connection.useDb(name).db as Db
  }

  async open(db: Db, options: Partial<MongoEventStoreOptions> & { readonly hooks?: Hooks } = {}): Promise<MongoEventStore> {
    const { hooks, ...more } = options
    const store = await MongoEventStore.open({
      db: hooks ? wrappedDb(db, hooks) : db,
      context: 'proof',
      claimKey: new Uint8Array(32),
      partitions: 4,
      copy: `copy-${++made}`,
      claimPatienceMs: 20,
      beatMs: 300,
      ...more,
    })
    this.#opened.add(store)
    return store
  }

  /** As a process that is killed. */
  kill(store: MongoEventStore): void {
    this.#opened.delete(store)
    store.abandon()
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#opened].map((store) => store.close()))
    this.#opened.clear()
    await dropDatabases(this.#url, this.#names.splice(0))
  }

  async close(): Promise<void> {
    await this.#connection?.close()
  }
}
