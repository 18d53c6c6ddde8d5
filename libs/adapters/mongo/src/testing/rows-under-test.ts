/** Rows of databases that last for one test, opened by copies whose commands a test may watch, hold up, or have die. */
import { ManualClock } from '@pavan/kernel'
import { defineTable, type Checkpoint, type RowChange, type Rows } from '@pavan/platform/views/rows.js'
import type { Connection } from 'mongoose'
import { connect, type Db } from '../database.js'
import { MongoRows } from '../mongo-rows.js'
import { dropDatabases, scratchPrefix } from './scratch.js'
import { wrappedDb, type Hooks } from './wrapped-db.js'

export interface Item {
  id: string
  n: number
  used?: boolean
}
export const items = defineTable<Item>({ name: 'items', version: 1, durability: 'full', indexes: { byId: ['id'] } })
export const brief = defineTable<{ id: string; until: number }>({ name: 'brief', version: 1, durability: 'full', indexes: {}, expires: 'until' })
export const upTo: Checkpoint = { consumer: 'view', context: 'identity', p: 0, from: 0, to: 7, durability: 'full' }

export const put = (id: string, n: number): RowChange<Item> => ({ op: 'put', table: items, key: id, row: { id, n } })
export const listed = async (rows: Rows) => (await rows.find(items, { index: 'byId', limit: 10 })).items.map(({ id }) => id)

/** Hooks that begin to work when they are given. */
export const switched = () => {
  let hooks: Hooks = {}
  return {
    hooks: { write: (write, send) => (hooks.write ? hooks.write(write, send) : send()), read: () => hooks.read?.() } satisfies Hooks,
    set: (next: Hooks) => (hooks = next),
  }
}

/** To be called where a suite is described. */
export const rowsUnderTest = (url: string) => {
  const clock = new ManualClock()
  let connection: Connection
  const names: string[] = []
  const opened: MongoRows[] = []
  beforeAll(async () => {
    connection = await connect(url)
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((rows) => rows.close()))
    await dropDatabases(url, names.splice(0))
  })
  afterAll(() => connection.close())
  return {
    clock,
    newDb: (): Db => {
      const name = scratchPrefix()
      names.push(name)
      return connection.useDb(name).db as Db
    },
    open: async (db: Db, hooks?: Hooks): Promise<MongoRows> => {
      const rows = await MongoRows.open({ db: hooks ? wrappedDb(db, hooks) : db, clock, lockPatienceMs: 20 })
      await rows.open([items])
      opened.push(rows)
      return rows
    },
  }
}
