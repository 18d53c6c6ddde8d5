import { isDeepStrictEqual } from 'node:util'
import type { Checkpoint, RowChange, Rows } from '@pavan/platform/views/rows.js'
import mongoose from 'mongoose'
import type { Db } from './database.js'
import { brief, items, listed, put, rowsUnderTest, switched, upTo, type Item } from './testing/rows-under-test.js'
import { whereMongo } from './testing/where-mongo.js'
import { Killed, killer } from './testing/wrapped-db.js'

whereMongo('changes of rows when something dies', (url) => {
  const { clock, newDb, open } = rowsUnderTest(url)
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

  /** What decides is another document each time: see `rootOf`. */
  test.each<[string, readonly RowChange<any>[], 'checkpoint' | 'epoch' | undefined]>([
    ['rows that are there', changes, undefined],
    ['a checkpoint that is there', changes, 'checkpoint'],
    ['a checkpoint in an epoch of its writer', changes, 'epoch'],
    ['rows that are new', [put('made', 1), put('made too', 1)], undefined],
    ['a row that ends beside new ones', [put('made', 1), put('made too', 1), { op: 'remove', table: items, key: 'removed' }], undefined],
    [
      'rows that end',
      [
        { op: 'remove', table: items, key: 'removed' },
        { op: 'remove', table: items, key: 'counted' },
      ],
      undefined,
    ],
  ])('%s: killed before and after every single write, the next one finds all of it or nothing, and goes on', async (_, some, root) => {
    const from = root === 'epoch' ? 4 : root ? 3 : 0
    const to: Checkpoint | undefined = some === changes ? { ...upTo, from } : undefined
    const counts = some.map(() => 1)
    const prepare = async (rows: Rows) => {
      await start(rows)
      if (root) await rows.apply([], { ...upTo, to: 3 })
    }
    const enter = async (rows: Rows) => {
      if (root === 'epoch') await rows.apply([put('entered', 1)], { ...upTo, from: 3, to: 4 })
    }
    const expected = await (async () => {
      const rows = await open(newDb())
      await prepare(rows)
      await enter(rows)
      const before = await state(rows)
      expect(await rows.apply(some, to)).toEqual({ applied: true, counts })
      return { before, after: await state(rows), listed: await listed(rows) }
    })()
    let outcomes = 0
    const found = new Set<string>()
    for (let at = 1, done = false; !done; at++) {
      for (const when of ['before', 'after'] as const) {
        const db = newDb()
        const survivor = await open(db)
        await prepare(survivor)
        const { hooks, set } = switched()
        const victim = await open(db, hooks)
        await enter(victim)
        const kill = killer(at, when)
        set(kill)
        const outcome = await victim.apply(some, to).catch((error: unknown) => error)
        if (!(outcome instanceof Error)) {
          expect(outcome).toEqual({ applied: true, counts })
          expect(await state(survivor)).toEqual(expected.after)
          // What comes after the answer is only clearing away.
          done ||= kill.count() < at
          continue
        }
        expect(outcome).toBeInstanceOf(Killed)
        const seen = await state(survivor)
        expect([expected.before, expected.after]).toContainEqual(seen)
        const happened = isDeepStrictEqual(seen, expected.after)
        // The same again: it is done now, or was.
        const again = await survivor.apply(some, to)
        if (to) expect(again).toEqual(happened ? { applied: false, because: 'checkpoint', stored: 7 } : { applied: true, counts })
        expect(await state(survivor)).toEqual(expected.after)
        expect(await listed(survivor)).toEqual(expected.listed)
        found.add(happened ? 'after' : 'before')
        outcomes++
      }
    }
    expect(outcomes).toBeGreaterThan(4)
    expect([...found].toSorted()).toEqual(['after', 'before'])
  })

  /** A copy that dies right after it has decided, before anything is finished. */
  const diesDecided = async (db: Db, some: readonly RowChange<any>[]) => {
    const { hooks, set } = switched()
    const victim = await open(db, hooks)
    let decided = false
    set({
      write: async ({ args }, send) => {
        if (decided) throw new Killed('dead')
        if (/"p":{"i":/.test(JSON.stringify(args))) decided = true
        return send()
      },
    })
    await expect(victim.apply(some)).rejects.toThrow(Killed)
  }

  test('a document that has decided is written again by somebody else: what it decided is not forgotten', async () => {
    const db = newDb()
    const survivor = await open(db)
    await start(survivor)
    await diesDecided(db, changes)
    // Alone, locked by another change, and gone: three times the mark of the decision goes with it.
    await survivor.apply([{ op: 'add', table: items, key: 'changed', by: { n: 10 }, row: { id: 'changed', n: 0 } }])
    expect(await state(survivor)).toEqual({ ...after, seq: 0, changed: { id: 'changed', n: 12, used: true } })
    await diesDecided(db, [put('changed', 20), put('counted', 20)])
    await survivor.apply([put('made', 30), put('changed', 30)])
    expect(await state(survivor)).toMatchObject({ changed: { n: 30 }, made: { n: 30 }, counted: { n: 20 } })
    await diesDecided(db, [put('made', 40), put('counted', 40)])
    await survivor.apply([{ op: 'remove', table: items, key: 'made' }])
    expect(await state(survivor)).toMatchObject({ changed: { n: 30 }, made: undefined, counted: { n: 40 } })
  })

  test('a look at what is unsettled finishes nothing and waits for nobody', async () => {
    const db = newDb()
    const { hooks, set } = switched()
    const copy = await open(db, hooks)
    await start(copy)
    await diesDecided(db, changes)
    const wrote = jest.fn()
    set({
      write: (_, send) => {
        wrote()
        return send()
      },
    })
    const look = copy.look({ unsettled: true })
    expect([await look.get(items, 'removed'), await look.get(items, 'made'), await look.get(items, 'counted')]).toEqual([
      before.removed,
      undefined,
      before.counted,
    ])
    expect(wrote).not.toHaveBeenCalled()
    expect(await state(copy)).toEqual({ ...after, seq: 0 })
  })

  const brieflyThere = (ms: number): RowChange<any> => ({ op: 'put', table: brief, key: 'b', row: { id: 'b', until: clock.now() + ms } })

  test.each<[string, () => readonly RowChange<any>[], number]>([
    ['stays', () => [brieflyThere(2_000), put('counted', 2), put('made', 2)], 2_000],
    ['is what is left of a row that ended', () => [{ op: 'remove', table: brief, key: 'b' }, put('made', 2), put('made too', 2)], 3_600_000],
  ])('a document that has decided, and %s, is swept after what it decided is finished', async (_, some, ms) => {
    const db = newDb()
    const survivor = await open(db)
    await survivor.open([brief])
    await survivor.apply([brieflyThere(1_000)])
    await diesDecided(db, some())
    clock.advance(ms)
    expect(await survivor.sweep()).toBe(1)
    expect(await db.collection('t_brief_v1').countDocuments()).toBe(0)
    expect(await db.collection('t_items_v1').countDocuments({ l: { $exists: true } })).toBe(0)
    expect(await state(survivor)).toMatchObject({ made: { n: 2 } })
  })

  test('an expired document that has decided is not swept while another change holds it', async () => {
    const db = newDb()
    const survivor = await open(db)
    await survivor.open([brief])
    const lasting = (until: number): RowChange<any> => ({ op: 'put', table: brief, key: 'b', row: { id: 'b', until } })
    await survivor.apply([put('counted', 1), lasting(clock.now() + 1_000)])
    await survivor.apply([lasting(clock.now() + 2_000), put('counted', 2)])
    clock.advance(2_000)
    const { hooks, set } = switched()
    const sweeper = await open(db, hooks)
    await sweeper.open([brief])
    // Between its look and its removal another copy begins to change the row.
    const stored = db.collection('t_brief_v1')
    set({
      write: async ({ method, args }, send) => {
        if (method === 'deleteMany' && 'v' in (args[0] as object)) await stored.updateMany({}, { $set: { l: 'another', o: ['t_items_v1', 'counted'] } })
        return send()
      },
    })
    expect(await sweeper.sweep()).toBe(0)
    expect(await stored.countDocuments({ l: 'another' })).toBe(1)
  })

  test.each<[string, string]>([
    ['is there', 'changed'],
    ['is not there', 'absent'],
  ])('a writer that comes back after it was given up changes nothing; its root %s', async (_, first) => {
    const db = newDb()
    const survivor = await open(db)
    await start(survivor)
    const { hooks, set } = switched()
    const slow = await open(db, hooks)
    let given = false
    set({
      write: async ({ args }, send) => {
        // Before it decides, somebody who meets its lock loses patience.
        if (!given && /"p":{"i":/.test(JSON.stringify(args))) {
          given = true
          await survivor.apply([put('made', 5)])
          expect(await survivor.get(items, 'made')).toEqual({ id: 'made', n: 5 })
        }
        return send()
      },
    })
    const some = [put(first, 7), put('made', 7)]
    expect(await slow.apply(some)).toEqual({ applied: true, counts: [1, 1] })
    expect(given).toBe(true)
    expect(await survivor.get(items, first)).toEqual({ id: first, n: 7 })
    expect(await survivor.get(items, 'made')).toEqual({ id: 'made', n: 7 })
    expect(await db.collection('t_items_v1').countDocuments({ l: { $exists: true } })).toBe(0)
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

  test('what was committed by somebody who died before finishing is found by its index after a start, and by who takes over', async () => {
    const db = newDb()
    await start(await open(db))
    const other = await open(db)
    await diesDecided(db, [put('changed', 2), { op: 'patch', table: items, key: 'counted', set: { id: 'renamed' } }])
    const found = async () => (await other.find(items, { index: 'byId', where: { id: 'renamed' }, limit: 10 })).items
    expect(await found()).toEqual([])
    await Promise.all([other.takeOver(), other.takeOver()])
    expect(await found()).toHaveLength(1)
    await diesDecided(db, [put('changed', 3), { op: 'patch', table: items, key: 'counted', set: { id: 'named again' } }, put('other', 1)])
    const next = await open(db)
    expect((await next.find(items, { index: 'byId', where: { id: 'named again' }, limit: 10 })).items).toHaveLength(1)
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
