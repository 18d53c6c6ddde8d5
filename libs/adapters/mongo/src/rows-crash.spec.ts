import { ManualClock } from '@pavan/kernel'
import { defineTable, type Checkpoint, type RowChange, type Rows } from '@pavan/platform/views/rows.js'
import type { Connection } from 'mongoose'
import mongoose from 'mongoose'
import { connect, type Db } from './database.js'
import { MongoRows } from './mongo-rows.js'
import { dropDatabases, scratchPrefix } from './testing/scratch.js'
import { whereMongo } from './testing/where-mongo.js'
import { Killed, killer, wrappedDb, type Hooks } from './testing/wrapped-db.js'

interface Item {
  id: string
  n: number
  used?: boolean
}
const items = defineTable<Item>({ name: 'items', version: 1, durability: 'full', indexes: { byId: ['id'] } })
const upTo: Checkpoint = { consumer: 'view', context: 'identity', p: 0, from: 0, to: 7, durability: 'full' }

whereMongo('changes of rows when something dies', (url) => {
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

  const newDb = (): Db => {
    const name = scratchPrefix()
    names.push(name)
    return connection.useDb(name).db as Db
  }
  const open = async (db: Db, hooks?: Hooks): Promise<MongoRows> => {
    const rows = await MongoRows.open({ db: hooks ? wrappedDb(db, hooks) : db, clock, lockPatienceMs: 20 })
    await rows.open([items])
    opened.push(rows)
    return rows
  }
  /** Hooks that begin to work when they are given. */
  const switched = () => {
    let hooks: Hooks = {}
    return {
      hooks: { write: (write, send) => (hooks.write ? hooks.write(write, send) : send()), read: () => hooks.read?.() } satisfies Hooks,
      set: (next: Hooks) => (hooks = next),
    }
  }
  const put = (id: string, n: number): RowChange<Item> => ({ op: 'put', table: items, key: id, row: { id, n } })
  const start = (rows: Rows) => rows.apply([put('changed', 1), put('removed', 1), put('counted', 1)])
  const changes: RowChange<any>[] = [
    { op: 'patch', table: items, key: 'changed', set: { n: 2, used: true }, if: { used: undefined } },
    { op: 'remove', table: items, key: 'removed' },
    { op: 'insert', table: items, key: 'made', row: { id: 'made', n: 1 } },
    { op: 'add', table: items, key: 'counted', by: { n: 1 }, row: { id: 'counted', n: 0 } },
  ]
  const state = async (rows: Rows) => ({
    changed: await rows.get(items, 'changed'),
    removed: await rows.get(items, 'removed'),
    made: await rows.get(items, 'made'),
    counted: await rows.get(items, 'counted'),
    seq: await rows.checkpoint('view', 'identity', 0, 'full'),
  })
  const before = { changed: { id: 'changed', n: 1 }, removed: { id: 'removed', n: 1 }, made: undefined, counted: { id: 'counted', n: 1 }, seq: 0 }
  const after = { changed: { id: 'changed', n: 2, used: true }, removed: undefined, made: { id: 'made', n: 1 }, counted: { id: 'counted', n: 2 }, seq: 7 }

  test('killed before and after every single write, the next one finds all of it or nothing, and goes on', async () => {
    let outcomes = 0
    const found = new Set<string>()
    for (let at = 1, done = false; !done; at++) {
      for (const when of ['before', 'after'] as const) {
        const db = newDb()
        const survivor = await open(db)
        await start(survivor)
        const { hooks, set } = switched()
        const victim = await open(db, hooks)
        const kill = killer(at, when)
        set(kill)
        const outcome = await victim.apply(changes, upTo).catch((error: unknown) => error)
        if (!(outcome instanceof Error)) {
          expect(outcome).toEqual({ applied: true, counts: [1, 1, 1, 1] })
          expect(await state(survivor)).toEqual(after)
          // What comes after the answer is only clearing away.
          done ||= kill.count() < at
          continue
        }
        expect(outcome).toBeInstanceOf(Killed)
        const seen = await state(survivor)
        expect([before, after]).toContainEqual(seen)
        // The same again: it is done now, or was.
        const again = await survivor.apply(changes, upTo)
        expect(again).toEqual(seen.seq === 0 ? { applied: true, counts: [1, 1, 1, 1] } : { applied: false, because: 'checkpoint', stored: 7 })
        expect(await state(survivor)).toEqual(after)
        expect((await survivor.find(items, { index: 'byId', limit: 10 })).items.map(({ id }) => id)).toEqual(['changed', 'counted', 'made'])
        found.add(seen.seq === 0 ? 'before' : 'after')
        outcomes++
      }
    }
    expect(outcomes).toBeGreaterThan(8)
    expect([...found].toSorted()).toEqual(['after', 'before'])
  })

  test('a big change, killed before and after every single write, is all there or not at all', async () => {
    const many = 40
    const found = new Set<number>()
    for (let at = 1, done = false; !done; at++) {
      for (const when of ['before', 'after'] as const) {
        const db = newDb()
        const survivor = await open(db)
        // Rows 0 to 29 exist: 10 of them go, 20 change; 10 more are new.
        await survivor.apply(Array.from({ length: 30 }, (_, i) => put(`k${i}`, 1)))
        const { hooks, set } = switched()
        const victim = await open(db, hooks)
        const kill = killer(at, when)
        set(kill)
        const big = Array.from({ length: many }, (_, i): RowChange<any> => {
          if (i < 10) return { op: 'remove', table: items, key: `k${i}` }
          return { op: 'add', table: items, key: `k${i}`, by: { n: 1 }, row: { id: `k${i}`, n: 0 } }
        })
        const outcome = await victim.apply(big, upTo).catch((error: unknown) => error)
        if (!(outcome instanceof Error)) done ||= kill.count() < at
        const sumOf = async (): Promise<number> => {
          const rows = await Promise.all(Array.from({ length: many }, (_, i) => survivor.get(items, `k${i}`)))
          return rows.reduce((sum, row) => sum + (row?.n ?? 0), 0)
        }
        const [before, after] = [30, 50]
        const seen = await sumOf()
        expect([before, after]).toContain(seen)
        expect(await survivor.checkpoint('view', 'identity', 0, 'full')).toBe(seen === after ? 7 : 0)
        if (outcome instanceof Error) found.add(seen)
        else expect(seen).toBe(after)
        await survivor.apply(big, upTo)
        expect(await sumOf()).toBe(after)
        expect((await survivor.find(items, { index: 'byId', limit: 100 })).items).toHaveLength(30)
      }
    }
    expect(found.size).toBe(2)
  }, 60_000)

  test('what was committed by somebody who died before finishing is found by its index after a start', async () => {
    const db = newDb()
    await start(await open(db))
    const { hooks, set } = switched()
    const victim = await open(db, hooks)
    let decided = false
    set({
      write: async ({ collection }, send) => {
        if (decided) throw new Killed('dead')
        if (collection === 'commits_of_rows') decided = true
        return send()
      },
    })
    await expect(victim.apply([{ op: 'patch', table: items, key: 'changed', set: { id: 'renamed' } }, put('other', 1)])).rejects.toThrow(Killed)
    const next = await open(db)
    expect((await next.find(items, { index: 'byId', where: { id: 'renamed' }, limit: 10 })).items).toHaveLength(1)
    expect((await next.find(items, { index: 'byId', where: { id: 'other' }, limit: 10 })).items).toHaveLength(1)
  })

  test('a reader sees the row before while it is locked, and all rows after once it is decided', async () => {
    const db = newDb()
    const reader = await open(db)
    await start(reader)
    const { hooks, set } = switched()
    const writer = await open(db, hooks)
    const seen: unknown[] = []
    set({
      async write(_, send) {
        seen.push(await state(reader))
        const answer = await send()
        seen.push(await state(reader))
        return answer
      },
    })
    await writer.apply(changes, upTo)
    const turned = seen.findIndex((one) => (one as typeof after).seq === 7)
    expect(turned).toBeGreaterThan(1)
    seen.forEach((one, i) => expect(one).toEqual(i < turned ? before : after))
  })

  test.each<[string, number | string]>([
    ['a deadlock', 16_908_292],
    ['a fail-over', 10_107],
    ['a lost connection', 'network'],
  ])('%s before or after a write took effect: the answer is right and nothing is done twice', async (_, code) => {
    for (const when of ['before', 'after'] as const) {
      for (const change of [changes.slice(0, 1), changes.slice(1, 2), changes.slice(2, 3), changes.slice(3, 4), changes]) {
        const db = newDb()
        const { hooks, set } = switched()
        const rows = await open(db, hooks)
        await start(rows)
        // Every command fails once.
        const failed = new Set<string>()
        set({
          async write({ collection, method, args }, send) {
            const command = `${collection}/${method}/${JSON.stringify(args[0])}`.replaceAll(/"(v|w|l|_id)":("[\w-]{16}"|\[[^\]]*\])/g, '')
            if (failed.has(command)) return send()
            failed.add(command)
            if (when === 'after') await send()
            if (code === 'network') throw new mongoose.mongo.MongoNetworkError('cut')
            throw new mongoose.mongo.MongoServerError({ message: 'not now', code })
          },
        })
        expect(await rows.apply(change)).toEqual({ applied: true, counts: change.map(() => 1) })
        const now = await state(rows)
        if (change === changes) expect(now).toEqual({ ...after, seq: 0 })
        else if (change[0] === changes[3]) expect(now.counted?.n).toBe(2)
      }
    }
  })

  test('two copies count and consume on the same rows without losing or doubling anything', async () => {
    const db = newDb()
    const copies = [await open(db), await open(db)]
    await start(copies[0] as Rows)
    const add: RowChange<Item> = { op: 'add', table: items, key: 'counted', by: { n: 1 }, row: { id: 'counted', n: 0 } }
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        (copies[i % 2] as Rows).apply(
          i < 20 ? [add] : [add, { op: 'patch', table: items, key: 'changed', set: { used: true, n: i }, if: { used: undefined } }],
        ),
      ),
    )
    expect(results.slice(20).filter(({ applied }) => applied)).toHaveLength(1)
    expect((await copies[1]!.get(items, 'counted'))?.n).toBe(1 + 20 + 1)
  })

  test('two copies that count on the same many rows lose nothing', async () => {
    const db = newDb()
    const copies = [await open(db), await open(db)]
    const add = (i: number): RowChange<Item> => ({ op: 'add', table: items, key: `k${i}`, by: { n: 1 }, row: { id: `k${i}`, n: 0 } })
    const all = Array.from({ length: 30 }, (_, i) => add(i))
    await Promise.all(
      [0, 1].map(async (copy) => {
        for (let i = 0; i < 6; i++) await (copies[copy] as Rows).apply(copy === 0 ? all : all.toReversed())
      }),
    )
    for (const i of all.keys()) expect((await copies[0]?.get(items, `k${i}`))?.n).toBe(12)
  })
})
