import { defineTable, type Checkpoint, type RowChange, type Rows } from '@pavan/platform/views/rows.js'
import mongoose from 'mongoose'
import type { Db } from './database.js'
import type { MongoRows } from './mongo-rows.js'
import type { RowDoc } from './row-shape.js'
import { brief, items, listed, put, rowsUnderTest, switched, upTo, type Item } from './testing/rows-under-test.js'
import { whereMongo } from './testing/where-mongo.js'
import { Killed, type Hooks } from './testing/wrapped-db.js'

whereMongo('new rows beside a checkpoint', (url) => {
  const { clock, newDb, open } = rowsUnderTest(url)
  const step = (from: number): Checkpoint => ({ ...upTo, from, to: from + 1 })
  const day = 86_400_000
  const stored = (db: Db) => db.collection<RowDoc>('t_items_v1')
  /** A copy whose epoch has begun: the checkpoint was there, and `row` has come with it. Two places further. */
  const begin = async (db: Db, row: string, from = 0, hooks?: Hooks): Promise<MongoRows> => {
    const rows = await open(db, hooks)
    await rows.apply([], step(from))
    await rows.apply([put(row, 0)], step(from + 1))
    return rows
  }
  /** A copy that dies between its rows and the decision. */
  const dies = async (db: Db, row: string, some: readonly RowChange<any>[], from: number): Promise<void> => {
    const { hooks, set } = switched()
    const victim = await begin(db, row, from, hooks)
    let dead = false
    set({
      write: async ({ collection }, send) => {
        dead ||= collection === 't_checkpoints_v1'
        if (dead) throw new Killed('dead')
        return send()
      },
    })
    await expect(victim.apply(some, step(from + 2))).rejects.toThrow(Killed)
  }
  const checkpoint = async (db: Db) => (await db.collection<RowDoc>('t_checkpoints_v1').findOne({ q: { $exists: true } })) as RowDoc
  const ids = async (db: Db) => (await stored(db).find().toArray()).map(({ _id }) => _id).toSorted()
  const has = async (rows: Rows, id: string) => {
    const row = await rows.get(items, id)
    expect((await listed(rows)).includes(id)).toBe(row !== undefined)
    expect(await rows.look({ unsettled: true }).get(items, id)).toEqual(row)
    return row !== undefined
  }

  test('are written once, and other copies see them as soon as they are decided', async () => {
    const db = newDb()
    const writes: string[] = []
    const { hooks, set } = switched()
    const writer = await begin(db, 'a', 0, hooks)
    const reader = await open(db)
    const seen: boolean[] = []
    set({
      write: async ({ collection, method }, send) => {
        writes.push(`${method} ${collection}`)
        seen.push(await has(reader, 'second'))
        return send()
      },
    })
    await writer.apply([put('first', 1)], step(2))
    expect(await has(reader, 'first')).toBe(true)
    await writer.apply([put('second', 1), put('third', 1)], step(3))
    expect(await has(reader, 'second')).toBe(true)
    expect(seen).toEqual([false, false, false, false])
    expect(writes).toEqual(['insert t_items_v1', 'updateOne t_checkpoints_v1', 'insert t_items_v1', 'updateOne t_checkpoints_v1'])
    // A change of such a row is one like any other.
    await reader.apply([{ op: 'patch', table: items, key: 'second', set: { used: true } }])
    expect(await writer.get(items, 'second')).toEqual({ id: 'second', n: 1, used: true })
    expect((await stored(db).findOne({ _id: 'second' }))?.s).toBeUndefined()
  })

  test('of a table that comes later are locked the first time', async () => {
    const db = newDb()
    const rows = await begin(db, 'a')
    await rows.open([brief])
    const until = clock.now() + 1_000
    const both = (id: string): RowChange<any>[] => [put(id, 1), { op: 'put', table: brief, key: id, row: { id, until } }]
    await rows.apply(both('b'), step(2))
    expect((await checkpoint(db)).q).toEqual({ e: 1, k: 0, c: ['t_items_v1', 't_brief_v1'] })
    await rows.apply(both('c'), step(3))
    expect((await checkpoint(db)).q).toMatchObject({ e: 1, k: 1 })
    for (const table of [stored(db), db.collection('t_brief_v1')]) expect(await table.countDocuments({ s: { $exists: true } })).toBe(1)
    const other = await open(db)
    await other.open([brief])
    expect([await other.get(brief, 'b'), await other.get(brief, 'c')]).toEqual([
      { id: 'b', until },
      { id: 'c', until },
    ])
  })

  test('whose writer died before the decision are never there, whatever is decided after', async () => {
    const db = newDb()
    const survivor = await begin(db, 'a')
    await dies(db, 'b', [put('left', 1), put('too', 1)], 2)
    const none = async (rows: Rows) => expect([await has(rows, 'left'), await has(rows, 'too'), await has(rows, 'other')]).toEqual([false, false, false])
    await none(survivor)
    await dies(db, 'c', [put('other', 1)], 4)
    expect(await ids(db)).toEqual(['a', 'b', 'c', 'left', 'other', 'too'])
    await none(survivor)
    for (let from = 6; from < 9; from++) {
      await survivor.apply([put(`d${from}`, 1)], step(from))
      await none(survivor)
    }
    const next = await begin(db, 'e', 9)
    await none(next)
    await none(survivor)
    // Whoever wants the place gets it, with a look and without.
    expect(await next.apply([{ op: 'insert', table: items, key: 'left', row: { id: 'left', n: 2 } }], step(11))).toEqual({ applied: true, counts: [1] })
    expect(await survivor.apply([{ op: 'add', table: items, key: 'too', by: { n: 5 }, row: { id: 'too', n: 0 } }])).toEqual({ applied: true, counts: [1] })
    expect([await next.get(items, 'left'), await next.get(items, 'too')]).toEqual([
      { id: 'left', n: 2 },
      { id: 'too', n: 5 },
    ])
    // A table that is read anew for other indexes brings none of them back.
    const reshaped = await open(db)
    await reshaped.open([defineTable<Item>({ ...items, indexes: { byId: ['id'], byN: ['n'] } })])
    expect(await has(reshaped, 'other')).toBe(false)
  })

  test('of a change that somebody gave up are never there, also when they come late', async () => {
    const db = newDb()
    const survivor = await open(db)
    const { hooks, set } = switched()
    const slow = await begin(db, 'a', 0, hooks)
    let late: (() => Promise<unknown>) | undefined
    set({
      write: async ({ collection, method }, send) => {
        if (method === 'insert' && !late) {
          late = send
          throw new mongoose.mongo.MongoNetworkError('cut')
        }
        if (collection === 't_items_v1' && method === 'deleteMany') throw new mongoose.mongo.MongoServerError({ message: 'no', code: 1 })
        return send()
      },
    })
    // The insert is on its way, and nobody knows; the same process goes on.
    expect(await slow.apply([put('late', 1)], step(2))).toEqual({ applied: true, counts: [1] })
    await stored(db).deleteOne({ _id: 'late' })
    await late?.()
    expect((await stored(db).findOne({ _id: 'late' }))?.s).toBeDefined()
    await slow.apply([put('c', 1)], step(3))
    await slow.apply([put('d', 1)], step(4))
    expect([await slow.get(items, 'late'), (await listed(slow)).includes('late')]).toEqual([undefined, false])
    for (const rows of [survivor, await open(db)]) expect(await has(rows, 'late')).toBe(false)
  })

  test('of a change that came too late are not decided by the next one', async () => {
    const db = newDb()
    const rows = await begin(db, 'a')
    const insert = (id: string): RowChange<Item> => ({ op: 'insert', table: items, key: id, row: { id, n: 1 } })
    await (await open(db)).apply([put('x', 0)])
    const look = rows.look()
    await look.get(items, 'a')
    // Neither is looked for before: the second one is there.
    expect(await rows.apply([insert('left'), insert('x')], step(2), look)).toEqual({ applied: false, because: 'stale' })
    await rows.apply([put('b', 1)], step(2))
    for (const reader of [rows, await open(db)]) expect([await has(reader, 'left'), await has(reader, 'b')]).toEqual([false, true])
    expect((await checkpoint(db)).q).toMatchObject({ e: 1, k: 1 })
  })

  test('of a change whose decision was not answered are not decided by the next one', async () => {
    const db = newDb()
    const { hooks, set } = switched()
    await begin(db, 'a')
    const writer = await begin(db, 'b', 2, hooks)
    await writer.apply([], step(4))
    set({
      write: async ({ collection }, send) => {
        if (collection === 't_checkpoints_v1') throw new mongoose.mongo.MongoServerError({ message: 'no', code: 1 })
        return send()
      },
    })
    await expect(writer.apply([put('left', 1)], step(5))).rejects.toThrow('refused')
    set({})
    await writer.apply([put('c', 1)], step(5))
    await writer.apply([put('d', 1)], step(6))
    for (const rows of [writer, await open(db)]) expect([await has(rows, 'left'), await has(rows, 'd')]).toEqual([false, true])
    expect((await checkpoint(db)).z).toMatchObject([{ e: 1 }, { e: 2, k: 0 }])
  })

  test('are there whoever writes the checkpoint in turn, with rows and without', async () => {
    const db = newDb()
    const copies = [await begin(db, '00'), await open(db)]
    const made = ['00']
    for (const [i, copy] of [0, 0, 1, 1, 0, 0].entries()) {
      const rows = copies[copy] as MongoRows
      const from = 2 + 2 * i
      await rows.checkpoint('view', 'identity', 0, 'full')
      await rows.apply([put(`${i + 1}`, 1), put('counted', i)], step(from))
      await rows.apply([], step(from + 1))
      made.push(`${i + 1}`)
      for (const reader of [...copies, await open(db)]) expect(await listed(reader)).toEqual([...made, 'counted'])
    }
    const { q, z } = await checkpoint(db)
    expect([q?.e, z?.map(({ e }) => e)]).toEqual([3, [1, 2]])
  })

  test('of a change that is not decided hold others up for a moment only', async () => {
    const db = newDb()
    const survivor = await open(db)
    const { hooks, set } = switched()
    const slow = await begin(db, 'a', 0, hooks)
    let given = false
    set({
      write: async ({ collection }, send) => {
        if (collection === 't_checkpoints_v1' && !given) {
          given = true
          expect((await stored(db).findOne({ _id: 'made' }))?.s).toBeDefined()
          await survivor.apply([put('made', 5)])
          expect(await has(survivor, 'made')).toBe(true)
        }
        return send()
      },
    })
    expect(await slow.apply([{ op: 'add', table: items, key: 'made', by: { n: 1 }, row: { id: 'made', n: 0 } }], step(2))).toEqual({
      applied: true,
      counts: [1],
    })
    expect(given).toBe(true)
    expect(await survivor.get(items, 'made')).toEqual({ id: 'made', n: 6 })
  })

  test('that were left undecided are removed after a day, and the others stay', async () => {
    const db = newDb()
    const first = await begin(db, 'a')
    await first.apply([put('b', 1)], step(2))
    await first.apply([put('c', 1)], step(3))
    await dies(db, 'd', [put('left', 1)], 4)
    const last = await begin(db, 'e', 6)
    await last.apply([put('f', 1)], step(8))
    expect((await checkpoint(db)).z).toHaveLength(2)
    clock.advance(day - 1)
    await last.apply([put('g', 1)], step(9))
    expect(await ids(db)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'left'])
    clock.advance(2)
    await last.apply([put('h', 1)], step(10))
    expect((await checkpoint(db)).z).toEqual([])
    expect(await ids(db)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
    for (const rows of [last, await open(db)]) expect(await listed(rows)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
  })

  test('are locked like others where too many epochs have ended', async () => {
    const db = newDb()
    const first = await begin(db, 'a')
    await first.apply([put('b', 1)], step(2))
    const z = Array.from({ length: 100 }, (_, i) => ({ e: i - 100, k: 1, c: [], at: clock.now() }))
    await db.collection<RowDoc>('t_checkpoints_v1').updateOne({ q: { $exists: true } }, { $set: { z } })
    const second = await open(db)
    await second.apply([put('c', 1)], step(3))
    await second.apply([put('d', 1)], step(4))
    expect(await stored(db).countDocuments({ s: { $exists: true } })).toBe(1)
    expect((await checkpoint(db)).q).toMatchObject({ e: 1, k: 1 })
    for (const rows of [first, second]) expect(await listed(rows)).toEqual(['a', 'b', 'c', 'd'])
  })
})
