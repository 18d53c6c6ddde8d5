import type { Position } from '@pavan/kernel'
import type { EventStore, StoredEvent } from '@pavan/platform/events/event-store.js'
import { until } from '@pavan/platform/testing/until.js'
import type { MongoEventStore } from './mongo-event-store.js'
import { BatchInserter } from './batch-inserter.js'
import { PartitionLog, type LogDoc } from './partition-log.js'
import { checkLog } from './testing/check-log.js'
import { event, StoreBench, stream } from './testing/store-bench.js'
import { whereMongo } from './testing/where-mongo.js'

whereMongo('several copies on one database', (url) => {
  const bench = new StoreBench(url)
  afterEach(() => bench.clear())
  afterAll(() => bench.close())
  const held = (store: EventStore): number[] => store.owned().map(({ p }) => p)
  const sum = (positions: readonly Position[]): number => positions.reduce((total, { seq }) => total + seq, 0)

  /** Reads a partition again and again; whoever saw a position never finds something before it. */
  const follower = (store: EventStore, p: number) => {
    const seen: StoredEvent[] = []
    const look = async (): Promise<void> => {
      for (;;) {
        const next = await store.readAll(seen.at(-1)?.position ?? { p, seq: 0 }, 50)
        if (next.length === 0) return
        seen.push(...next)
      }
    }
    return { seen, look }
  }

  test('commits of three copies on the same streams: dense, once, in the order of each stream, and seen in one order', async () => {
    const db = await bench.db()
    const stores = [await bench.open(db), await bench.open(db), await bench.open(db)]
    const followers = Array.from({ length: 4 }, (_, p) => follower(stores[p % 3] as EventStore, p))
    let writing = true
    const following = (async () => {
      while (writing) for (const { look } of followers) await look()
    })()
    // Each stream is written by all three in turn, so its order crosses copies.
    await Promise.all(
      Array.from({ length: 24 }, async (_, s) => {
        for (let i = 0; i < 9; i++) await (stores[(s + i) % 3] as EventStore).append(stream(`s${s}`), [event(), event()], { expected: i * 2 })
      }),
    )
    writing = false
    await following
    for (const { look } of followers) await look()
    const checked = await checkLog(db)
    expect(checked).toMatchObject({ faults: [], unnumbered: 0, commits: 216, events: 432 })
    for (const [p, { seen }] of followers.entries()) {
      expect(seen.map(({ id }) => id)).toEqual(checked.order.get(p) ?? [])
      expect(seen.map(({ position }) => position.seq)).toEqual(seen.map((_, i) => i + 1))
    }
  })

  test('rival sequencers by force: three number the same commits of one partition at once, and each is numbered once', async () => {
    const db = await bench.db()
    const rivals = Array.from({ length: 3 }, () => {
      const log = db.collection<LogDoc>('log')
      const nothing = { onWritten: () => undefined, onRead: () => undefined, onNumbered: () => undefined, onGrown: () => undefined }
      const options = { p: 0, log, inserter: new BatchInserter(db, log as never), commits: db.collection('commits'), ...nothing }
      return new PartitionLog(options as never)
    })
    await bench.open(db, { partitions: 1 })
    const commits = Array.from({ length: 120 }, (_, i) => {
      const [s, b] = [i % 40, Math.floor(i / 40)]
      const key = `ten_a/user/r${s}\u0001`
      const id = (base: number): string => key + String(base).padStart(12, '0')
      return { _id: id(b), s: `["ten_a","user","r${s}"]`, b, n: b + 1, f: b - 1, p: 0, e: JSON.stringify([event()]), a: `a${i}`, u: 0 }
    })
    await db.collection('commits').insertMany(commits as never)
    const numbers = await Promise.all(rivals.map((rival, r) => Promise.all(commits.map((commit, i) => ((i + r) % 3 === 2 ? undefined : rival.number(commit))))))
    expect(await checkLog(db)).toMatchObject({ faults: [], unnumbered: 0, events: 120, heads: new Map([[0, 120]]) })
    for (const i of commits.keys()) expect(new Set(numbers.map((of) => of[i]).filter((one) => one !== undefined)).size).toBe(1)
  })

  test('copies share the partitions evenly, each has one holder, and a new copy gets its part', async () => {
    const db = await bench.db()
    const first = await bench.open(db, { partitions: 7 })
    expect(held(first)).toEqual([0, 1, 2, 3, 4, 5, 6])
    const second = await bench.open(db, { partitions: 7 })
    await until(() => held(first).length === 4 && held(second).length === 3)
    expect([...held(first), ...held(second)].toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6])
    // Released in the end: nobody has to wait until it is gone.
    await first.close()
    await until(() => held(second).length === 7)
  })

  test('who holds partitions raises their counters with its own', async () => {
    const db = await bench.db()
    const options = { partitions: 7, beatMs: 50 }
    const [first, second] = [await bench.open(db, options), await bench.open(db, options)]
    await until(() => held(first).length === 4 && held(second).length === 3)
    const beats = async () => new Map((await db.collection<{ _id: string; beat: number }>('leases').find().toArray()).map(({ _id, beat }) => [_id, beat]))
    const before = await beats()
    expect([...before.keys()].filter((id) => id.startsWith('p:'))).toHaveLength(7)
    await until(async () => [...(await beats())].every(([id, beat]) => beat >= (before.get(id) ?? 0) + 8))
  })

  test('the partitions of a holder that was killed are taken over, and what it left is published', async () => {
    const db = await bench.db()
    const victim = await bench.open(db)
    const survivor = await bench.open(db)
    await until(() => held(victim).length === 2 && held(survivor).length === 2)
    for (let i = 0; i < 20; i++) await victim.append(stream(`k${i}`), [event()], { expected: 0 })
    bench.kill(victim)
    await until(() => held(survivor).length === 4)
    await until(() => sum(survivor.owned()) === 20)
  }, 20_000)

  test('who publishes a partition is woken by what another copy has written there', async () => {
    const db = await bench.db()
    const [a, b] = await Promise.all([bench.open(db, { partitions: 16 }), bench.open(db, { partitions: 16 })])
    await until(() => held(a).length === 8 && held(b).length === 8)
    let woken = 0
    a.onAppend(() => woken++)
    const before = woken
    let appended = 0
    for (let i = 0; i < 40; i++) await b.append(stream(`w${i}`), [event()], { expected: 0 }).then(() => appended++)
    await until(() => sum([...a.owned(), ...b.owned()]) === appended)
    expect(sum(a.owned())).toBeGreaterThan(0)
    expect(woken).toBeGreaterThan(before)
  })

  test('whoever publishes is told to hurry, unless nobody waits for anything that came', async () => {
    const store = await bench.open(await bench.db(), { partitions: 1 })
    const heard: (boolean | undefined)[] = []
    await until(() => held(store).length === 1)
    store.onAppend((hurry) => heard.push(hurry))
    await store.append(stream('h1'), [event()], { expected: 0, unhurried: true })
    await until(() => heard.length > 0)
    expect(heard.splice(0)).not.toContain(true)
    await store.append(stream('h2'), [event()], { expected: 0 })
    await until(() => heard.length > 0)
    expect(heard.splice(0)).toContain(true)
    // One that somebody waits for carries the others along.
    await Promise.all([0, 1, 2].map((i) => store.append(stream(`h3-${i}`), [event()], { expected: 0, unhurried: i !== 1 })))
    await until(() => heard.includes(true))
  })

  test('whoever publishes is not told to hurry by what another copy has written and nobody waits for', async () => {
    const db = await bench.db()
    const [a, b] = await Promise.all([bench.open(db, { partitions: 16 }), bench.open(db, { partitions: 16 })])
    await until(() => held(a).length === 8 && held(b).length === 8)
    const heard: (boolean | undefined)[] = []
    a.onAppend((hurry) => heard.push(hurry))
    const calm = (): number => heard.filter((hurry) => !hurry).length
    for (let i = 0; i < 200 && calm() < 3; i++) await b.append(stream(`c${i}`), [event()], { expected: 0, unhurried: true })
    await until(() => calm() >= 3)
    // On a machine that stands still for a second one may be taken for an orphan, which are numbered in a hurry.
    expect(heard.length - calm()).toBeLessThan(calm())
  })

  test('a value that two copies want at once is taken by one', async () => {
    const db = await bench.db()
    const stores: MongoEventStore[] = [await bench.open(db, { claimPatienceMs: 2_000 }), await bench.open(db, { claimPatienceMs: 2_000 })]
    for (let round = 0; round < 5; round++) {
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) =>
          (stores[i % 2] as EventStore).append(stream(`c${round}-${i}`), [event()], { expected: 0, claims: [{ take: { name: 'email', value: `v${round}` } }] }),
        ),
      )
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(results.flatMap((one) => (one.status === 'rejected' ? [(one.reason as Error).name] : []))).toEqual(Array.from({ length: 19 }, () => 'ClaimTaken'))
    }
    expect(await checkLog(db)).toMatchObject({ faults: [], unnumbered: 0, commits: 5 })
  })
})
