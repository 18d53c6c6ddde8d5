import { release, take } from '@pavan/kernel'
import { ClaimTaken, VersionConflict, type AppendResult } from '@pavan/platform/events/event-store.js'
import { until } from '@pavan/platform/testing/until.js'
import mongoose from 'mongoose'
import { connect } from './database.js'
import { MongoEventStore } from './mongo-event-store.js'
import { checkLog } from './testing/check-log.js'
import { cuttingProxy } from './testing/cutting-proxy.js'
import { event, StoreBench, stream } from './testing/store-bench.js'
import { whereMongo } from './testing/where-mongo.js'
import { Killed, killer, type Hooks } from './testing/wrapped-db.js'

whereMongo('commits when something dies', (url) => {
  const bench = new StoreBench(url)
  afterEach(() => bench.clear())
  afterAll(() => bench.close())

  /** Hooks that begin to work when they are given; what beats and polls beside the commit is left alone. */
  const switched = () => {
    let hooks: Hooks = {}
    return {
      hooks: {
        write: (write, send) => (hooks.write && write.collection !== 'leases' ? hooks.write(write, send) : send()),
        read: () => hooks.read?.(),
      } satisfies Hooks,
      set: (next: Hooks) => (hooks = next),
    }
  }

  test('killed before and after every single write, the commit with its claims is there once or not at all, and the next one goes on', async () => {
    let killed = 0
    for (let at = 1, done = false; !done; at++) {
      for (const when of ['before', 'after'] as const) {
        const db = await bench.db()
        const survivor = await bench.open(db)
        await survivor.append(stream('u'), [event('first')], { expected: 0, claims: [take('email', 'old@x')] })
        const { hooks, set } = switched()
        const victim = await bench.open(db, { hooks })
        const kill = killer(at, when)
        set(kill)
        const command = { commandId: 'cmd', claims: [release('email', 'old@x'), take('email', 'new@x')] }
        const outcome = await victim.append(stream('u'), [event('second'), event('third')], { expected: 1, ...command }).catch((error: unknown) => error)
        bench.kill(victim)
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(Killed)
          killed++
        } else done ||= kill.count() < at
        // What the victim left decides: with its commit the values have moved, without it they have not.
        const stored = await survivor.read(stream('u'))
        expect([1, 3]).toContain(stored.length)
        expect(await survivor.claimOwner('ten_a', 'email', stored.length === 3 ? 'new@x' : 'old@x')).toEqual(stream('u'))
        expect(await survivor.claimOwner('ten_a', 'email', stored.length === 3 ? 'old@x' : 'new@x')).toBeUndefined()
        if (!(outcome instanceof Error)) expect(stored).toHaveLength(3)
        // The same command again is applied once, whatever it was.
        const again = await survivor.append(stream('u'), [event('second'), event('third')], { expected: 1, ...command })
        expect(again).toMatchObject({ version: 3, repeated: stored.length === 3 })
        // What was given back is free for others, what is held is not.
        await survivor.append(stream('v'), [event()], { expected: 0, claims: [take('email', 'old@x')] })
        await expect(survivor.append(stream('w'), [event()], { expected: 0, claims: [take('email', 'new@x')] })).rejects.toThrow(ClaimTaken)
        await survivor.settleClaims()
        await survivor.settleClaims()
        expect(await db.collection('claims').countDocuments({ o: true })).toBe(0)
        expect(await checkLog(db)).toMatchObject({ faults: [], unnumbered: 0, events: 4 })
      }
    }
    expect(killed).toBeGreaterThan(6)
  })

  test('a commit that nobody numbered is numbered by whoever holds its partition', async () => {
    const db = await bench.db()
    const survivor = await bench.open(db)
    const { hooks, set } = switched()
    const victim = await bench.open(db, { hooks })
    set({
      write: ({ collection }, send) => {
        if (collection === 'log') throw new Killed('dead')
        return send()
      },
    })
    await expect(victim.append(stream('orphan'), [event()], { expected: 0 })).rejects.toThrow(Killed)
    bench.kill(victim)
    await until(async () => (await checkLog(db)).unnumbered === 0)
    expect(await checkLog(db)).toMatchObject({ faults: [], events: 1 })
    await until(async () => (await db.collection('commits').countDocuments({ u: { $exists: true } })) === 0)
    expect(survivor.owned().reduce((sum, { seq }) => sum + seq, 0)).toBe(1)
  })

  test('what nobody waited for is numbered after its writer has died, once and in its place', async () => {
    const db = await bench.db()
    const survivor = await bench.open(db)
    const victim = await bench.open(db)
    await victim.append(stream('calm'), [event()], { expected: 0, unhurried: true })
    await victim.append(stream('calm'), [event()], { expected: 1, unhurried: true })
    bench.kill(victim)
    expect(await checkLog(db)).toMatchObject({ faults: [], commits: 2, unnumbered: 2 })
    await survivor.append(stream('calm'), [event()], { expected: 2 })
    expect(await checkLog(db)).toMatchObject({ faults: [], unnumbered: 0, events: 3 })

    const other = await bench.open(db)
    await other.append(stream('alone'), [event()], { expected: 0, unhurried: true })
    bench.kill(other)
    await until(async () => (await checkLog(db)).unnumbered === 0)
    expect(await checkLog(db)).toMatchObject({ faults: [], events: 4 })
  })

  test('what nobody waits for is numbered with that of all partitions, and before the process leaves', async () => {
    const db = await bench.db()
    const { hooks, set } = switched()
    const store = await bench.open(db, { hooks, partitions: 16 })
    await until(() => store.owned().length === 16)
    let logged = 0
    set({ write: ({ collection }, send) => ((logged += Number(collection === 'log')), send()) })
    await Promise.all(Array.from({ length: 40 }, (_, i) => store.append(stream(`c${i}`), [event()], { expected: 0, unhurried: true })))
    await until(() => store.owned().reduce((sum, { seq }) => sum + seq, 0) === 40)
    expect(logged).toBe(1)
    await store.append(stream('last'), [event()], { expected: 0, unhurried: true })
    await store.close()
    expect(await checkLog(db)).toMatchObject({ faults: [], unnumbered: 0, events: 41 })
  })

  test('a commit that is in the log and does not say so is not numbered again, not even by a copy that has never seen the log', async () => {
    const db = await bench.db()
    const { hooks, set } = switched()
    const victim = await bench.open(db, { hooks })
    // Its number is never noted.
    set({ write: ({ method }, send) => (method === 'update' ? Promise.reject(new Killed('dead')) : send()) })
    const { position } = await victim.append(stream('noted'), [event()], { expected: 0, commandId: 'cmd' })
    await victim.append(stream('noted'), [event()], { expected: 1 })
    bench.kill(victim)
    const fresh = await bench.open(db)
    expect((await fresh.read(stream('noted')))[0]?.position).toEqual(position)
    expect(await fresh.append(stream('noted'), [event()], { expected: 0, commandId: 'cmd' })).toMatchObject({ position, repeated: true })
    await fresh.append(stream('noted'), [event()], { expected: 2 })
    expect(await checkLog(db)).toMatchObject({ faults: [], unnumbered: 0, events: 3 })
  })

  test('an attempt that sleeps after its reservation cannot commit once another took the value', async () => {
    const db = await bench.db()
    const { hooks, set } = switched()
    const sleeper = await bench.open(db, { hooks })
    const thief = await bench.open(db)
    let wake: (() => void) | undefined
    let sleepAt = 'insert'
    set({
      write: async ({ collection, method }, send) => {
        if (collection === 'commits' && method === sleepAt) {
          sleepAt = ''
          await new Promise<void>((resolve) => (wake = resolve))
        }
        return send()
      },
    })
    const late = sleeper.append(stream('late'), [event()], { expected: 0, claims: [take('email', 'a@x')] })
    await until(() => wake !== undefined)
    await thief.append(stream('quick'), [event()], { expected: 0, claims: [take('email', 'a@x')] })
    wake?.()
    await expect(late).rejects.toThrow(ClaimTaken)
    expect(await thief.read(stream('late'))).toEqual([])

    // In the same place, which is marked now, it sleeps again, on its way to take the place over.
    wake = undefined
    sleepAt = 'updateOne'
    const later = sleeper.append(stream('late'), [event()], { expected: 0, claims: [take('email', 'c@x')] })
    await until(() => wake !== undefined)
    await thief.append(stream('quick'), [event()], { expected: 1, claims: [take('email', 'c@x')] })
    ;(wake as unknown as () => void)()
    await expect(later).rejects.toThrow(ClaimTaken)
    expect(await thief.read(stream('late'))).toEqual([])

    // The place that was kept from it is free for its next commit.
    await sleeper.append(stream('late'), [event()], { expected: 0, claims: [take('email', 'b@x')] })
    expect(await thief.claimOwner('ten_a', 'email', 'b@x')).toEqual(stream('late'))
    expect(await checkLog(db)).toMatchObject({ faults: [], unnumbered: 0, commits: 3 })
  })

  test.each<[string, number | string]>([
    ['a deadlock', 16_908_292],
    ['a fail-over', 10_107],
    ['a lost connection', 'network'],
  ])('%s before or after a write took effect doubles nothing', async (_, code) => {
    for (const when of ['before', 'after'] as const) {
      const db = await bench.db()
      const { hooks, set } = switched()
      const store = await bench.open(db, { hooks })
      const failed = new Set<string>()
      set({
        async write({ collection, method, args }, send) {
          const command = `${collection}/${method}/${JSON.stringify(args[0])}`
          if (failed.has(command)) return send()
          failed.add(command)
          if (when === 'after') await send()
          if (code === 'network') throw new mongoose.mongo.MongoNetworkError('cut')
          throw new mongoose.mongo.MongoServerError({ message: 'not now', code })
        },
      })
      for (let i = 0; i < 3; i++) {
        const result = await store.append(stream('u'), [event(i)], { expected: i, commandId: `cmd_${i}`, claims: [take('email', `${i}@x`)] })
        expect(result).toMatchObject({ version: i + 1, repeated: false })
      }
      expect((await store.read(stream('u'))).map(({ data }) => data)).toEqual([0, 1, 2])
      expect(await checkLog(db)).toMatchObject({ faults: [], unnumbered: 0, events: 3 })
    }
  })

  test('connections that are cut after the write and before the answer double nothing', async () => {
    const proxy = await cuttingProxy(url)
    const connection = await connect(proxy.url)
    const direct = await bench.db()
    try {
      const store = await MongoEventStore.open({
        db: connection.useDb(direct.databaseName).db as never,
        context: 'proof',
        claimKey: new Uint8Array(32),
        partitions: 2,
        copy: 'cut',
      })
      const results: AppendResult[] = []
      for (let i = 0; i < 15; i++) {
        proxy.cut(1 + (i % 4))
        results.push(
          ...(await Promise.all(
            ['a', 'b', 'c', 'd'].map((id) => store.append(stream(id), [event(i)], { expected: i, commandId: `${i}`, claims: [take('n', `${id}${i}`)] })),
          )),
        )
      }
      expect(results.every(({ repeated }) => !repeated)).toBe(true)
      expect(proxy.cuts()).toBeGreaterThan(20)
      expect(await checkLog(direct)).toMatchObject({ faults: [], unnumbered: 0, events: 60 })
      await store.close()
    } finally {
      await connection.close().catch(() => undefined)
      await proxy.close()
    }
  })

  test('no error of the driver crosses: the database is away, and the call says so', async () => {
    const db = await bench.db()
    const { hooks, set } = switched()
    const store = await bench.open(db, { hooks })
    set({ write: () => Promise.reject(new mongoose.mongo.MongoServerError({ message: 'secret value', code: 17_280, codeName: 'KeyTooLong' })) })
    await expect(store.append(stream('u'), [event()], { expected: 0 })).rejects.toThrow('the database refused a command (MongoServerError, KeyTooLong)')
  })

  test('a conflict between copies is a conflict', async () => {
    const db = await bench.db()
    const [a, b] = [await bench.open(db), await bench.open(db)]
    await a.append(stream('u'), [event()], { expected: 0 })
    await b.read(stream('u'))
    await a.append(stream('u'), [event()], { expected: 1, commandId: 'x' })
    await expect(b.append(stream('u'), [event()], { expected: 1 })).rejects.toThrow(VersionConflict)
    expect(await b.append(stream('u'), [event()], { expected: 1, commandId: 'x' })).toMatchObject({ repeated: true, version: 2 })
  })
})
