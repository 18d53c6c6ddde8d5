/** All ports on one folder: `<service>/store.db`, `<service>/views.db`, `bus.db` and `keys.db`, with one writer thread. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '@pavan/kernel'
import type { Adapters, ServicePorts } from '@pavan/platform/service/adapters.js'
import { StartError } from '@pavan/platform/service/start-error.js'
import type { CommitChoice } from './commit-place.js'
import { inMemory, type Durability } from './connection.js'
import { DataFolder } from './data-folder.js'
import { Db, type DbOptions } from './db.js'
import { SqliteBus } from './sqlite-bus.js'
import { SqliteEventStore } from './sqlite-event-store.js'
import { SqliteRows } from './sqlite-rows.js'
import { SqliteSubjectKeyStore } from './sqlite-subject-key-store.js'
import { WriterThread } from './writer-thread.js'

export interface SqliteAdaptersOptions {
  /** Folder of the data, made when missing; `:memory:` keeps nothing. */
  readonly folder: string
  readonly clock: Clock
  /** Key of the claims' HMAC-SHA-256, 32 bytes. Must stay the same for the life of the folder. A function is asked once the folder is ours. */
  readonly claimKey: Uint8Array | (() => Uint8Array)
  /** Which thread commits; `measured` by default, the others are for tests and comparisons. */
  readonly commitOn?: CommitChoice
}

export interface SqliteAdapters extends Adapters {
  /** Leaves no deleted byte behind: empties every log and rewrites every file. Commits wait meanwhile. Used after an erasure. */
  checkpointAndVacuum(): Promise<void>
}

/** SQLITE_CORRUPT and SQLITE_NOTADB: https://www.sqlite.org/rescode.html */
const damaged = new Set([11, 26])

const openFile = (options: DbOptions): Db => {
  try {
    return new Db(options)
  } catch (error) {
    if (!damaged.has(((error as { errcode?: number }).errcode ?? 0) & 0xff)) throw error
    throw new StartError(
      `${options.path} is damaged or not a database.`,
      'Restore the whole data folder from a backup, or name another folder in PAVAN_DATA.',
      {
        cause: error,
      },
    )
  }
}

/** Opens a folder. Throws `StartError` when another process has it, it cannot be written, or a newer version wrote it. */
export const sqliteAdapters = ({ folder, clock, claimKey: key, commitOn }: SqliteAdaptersOptions): SqliteAdapters => {
  const lock = folder === inMemory ? undefined : DataFolder.take(folder)
  const claimKey = typeof key === 'function' ? key() : key
  const writer = new WriterThread()
  const files: Db[] = []
  const open = (durability: Durability, ...path: string[]): Db => {
    const db = openFile({ path: folder === inMemory ? inMemory : join(folder, ...path), durability, writer, commitOn })
    files.push(db)
    return db
  }
  const bus = new SqliteBus(open('rebuildable', 'bus.db'))
  const keys = new SqliteSubjectKeyStore(open('full', 'keys.db'))
  const rows: SqliteRows[] = []
  const services = new Map<string, Promise<ServicePorts>>()

  const make = async (service: string): Promise<ServicePorts> => {
    if (folder !== inMemory) mkdirSync(join(folder, service), { recursive: true })
    const db = open('full', service, 'store.db')
    const store = new SqliteEventStore({ db, context: service, claimKey })
    const own = new SqliteRows({ full: db, rebuildable: open('rebuildable', service, 'views.db'), clock })
    rows.push(own)
    await bus.carry(service, store)
    return { store, rows: own, bus, keys }
  }

  return {
    name: 'embedded',
    portsFor: (service) => {
      let ports = services.get(service)
      if (!ports) services.set(service, (ports = make(service)))
      return ports
    },
    async checkpointAndVacuum() {
      for (const file of files) await file.vacuum()
    },
    async close() {
      for (const own of rows) own.close()
      await bus.close()
      await Promise.all(files.map((file) => file.close()))
      await writer.close()
      lock?.release()
    },
  }
}
