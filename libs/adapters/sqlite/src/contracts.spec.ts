import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock } from '@pavan/kernel'
import { busContract } from '@pavan/platform/testing/bus-contract.js'
import { eventStoreContract } from '@pavan/platform/testing/event-store-contract.js'
import { rowsContract } from '@pavan/platform/testing/rows-contract.js'
import { subjectKeyStoreContract } from '@pavan/platform/testing/subject-key-store-contract.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import type { ContextLog } from './bus-log.js'
import type { CommitChoice } from './commit-place.js'
import { Db } from './db.js'
import { sqliteAdapters, type SqliteAdapters } from './index.js'
import { SqliteBus } from './sqlite-bus.js'
import { WriterThread } from './writer-thread.js'

/** Events by context and partition, each once, in order. */
class MemoryLogs {
  readonly #events = new Map<string, StoredEvent[]>()

  /** Answers the contexts that are new. */
  add(events: readonly StoredEvent[]): readonly string[] {
    const before = new Set(this.#events.keys())
    for (const event of events) {
      const kept = this.#events.get(event.context) ?? []
      this.#events.set(event.context, kept)
      if (!kept.some(({ position: { p, seq } }) => p === event.position.p && seq === event.position.seq)) kept.push(event)
    }
    return [...this.#events.keys()].filter((context) => !before.has(context))
  }

  of(context: string): ContextLog {
    const kept = this.#events.get(context) as StoredEvent[]
    return {
      owned: () => [...new Map(kept.map(({ position }) => [position.p, position])).values()],
      after: ({ p, seq }, limit) => kept.filter(({ position }) => position.p === p && position.seq > seq).slice(0, limit),
    }
  }
}

const places: [name: string, folder: boolean, commitOn: CommitChoice][] = [
  ['memory', false, 'main'],
  ['a folder, committed by the main thread', true, 'main'],
  ['a folder, committed by the writer thread', true, 'thread'],
]

describe.each(places)('SQLite in %s', (_, onDisk, commitOn) => {
  let clock = new ManualClock()
  let shared: { adapters: SqliteAdapters; close(): Promise<void> }
  let services = 0
  const open = () => {
    const folder = onDisk ? mkdtempSync(join(tmpdir(), 'pavan-contract-')) : ':memory:'
    const adapters = sqliteAdapters({ folder, clock: { now: () => clock.now() }, claimKey: new Uint8Array(32).fill(1), commitOn })
    const close = async () => {
      await adapters.close()
      if (onDisk) rmSync(folder, { recursive: true })
    }
    return { adapters, close }
  }
  beforeAll(() => {
    shared = open()
  })
  afterAll(() => shared.close())

  /** A service has a store and rows of its own, so a new service is a new store. */
  const service = async () => {
    const context = `service-${++services}`
    return { ...(await shared.adapters.portsFor(context)), context, close: async () => undefined }
  }
  /** Bus and keys belong to the whole process. */
  const process = async () => {
    const { adapters, close } = open()
    return { ...(await adapters.portsFor('identity')), close }
  }
  /** What the suite publishes lies in no store, so it is put into logs first: the bus carries what is there. */
  const busWithLogs = async () => {
    const folder = onDisk ? mkdtempSync(join(tmpdir(), 'pavan-contract-')) : ':memory:'
    const writer = new WriterThread()
    const db = new Db({ path: onDisk ? join(folder, 'bus.db') : folder, durability: 'rebuildable', writer, commitOn })
    const bus = new SqliteBus(db)
    const logs = new MemoryLogs()
    const publish = bus.publish.bind(bus)
    bus.publish = async (events) => {
      for (const context of logs.add(events)) await bus.carry(context, logs.of(context))
      await publish(events)
    }
    const close = async () => {
      await bus.close()
      await db.close()
      await writer.close()
      if (onDisk) rmSync(folder, { recursive: true })
    }
    return { bus, close }
  }
  describe('event store', () => eventStoreContract(service))
  describe('rows', () =>
    rowsContract((given) => {
      clock = given
      return service()
    }))
  describe('bus', () => busContract(busWithLogs))
  describe('subject keys', () => subjectKeyStoreContract(process))
})
