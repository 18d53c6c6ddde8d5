import { createHmac } from 'node:crypto'
import { ManualClock, SystemClock, take } from '@pavan/kernel'
import { StartError } from '@pavan/platform/service/start-error.js'
import { StorageUnavailable } from '@pavan/platform/service/storage-unavailable.js'
import { defineTable, type RowChange } from '@pavan/platform/views/rows.js'
import { checkServer } from './check-server.js'
import { connect } from './database.js'
import { mongoAdapters } from './mongo-adapters.js'
import { mongoConfig } from './mongo-config.js'
import { MongoRows } from './mongo-rows.js'
import { patience } from './retry.js'
import { cuttingProxy } from './testing/cutting-proxy.js'
import { dropDatabases, scratchPrefix } from './testing/scratch.js'
import { event, stream } from './testing/store-bench.js'
import { until } from '@pavan/platform/testing/until.js'
import { whereMongo } from './testing/where-mongo.js'

interface Thing {
  readonly n: number
  readonly by: string
}

const claimKey = new Uint8Array(32)

describe('the environment', () => {
  const MONGODB_URL = 'mongodb://127.0.0.1'
  const PAVAN_CLAIM_KEY = Buffer.alloc(32, 1).toString('base64')

  it('has defaults for all but the server and the key', () => {
    expect(mongoConfig.parse({ MONGODB_URL, PAVAN_CLAIM_KEY })).toEqual({
      MONGODB_URL,
      PAVAN_DATABASE_PREFIX: 'pavan',
      PAVAN_PARTITIONS: 16,
      PAVAN_CLAIM_KEY: new Uint8Array(32).fill(1),
    })
  })

  it.each([
    { MONGODB_URL: 'http://127.0.0.1' },
    { PAVAN_CLAIM_KEY: 'c2hvcnQ=' },
    { PAVAN_PARTITIONS: '0' },
    { PAVAN_DATABASE_PREFIX: 'with.dot' },
    { PAVAN_DATABASE_PREFIX: 'x'.repeat(40) },
  ])('%j is refused', (wrong) => {
    expect(mongoConfig.safeParse({ MONGODB_URL, PAVAN_CLAIM_KEY, ...wrong }).success).toBe(false)
  })
})

describe('what the doctor says', () => {
  const check = async (hello: object, stored: object | null = null, at = 1_000_000) => {
    const admin = { command: async () => hello, collection: () => ({ findOne: async () => stored }) }
    const findings = await checkServer({ admin: admin as never, now: () => at, maxClockSkewMs: 60_000, partitions: 16, claimKey })
    return findings.filter(({ level }) => level !== 'ok').map(({ level, sentence, remedy }) => `${level}: ${sentence} ${remedy}`)
  }
  const proof = createHmac('sha256', claimKey).update('pavan: which key is this?').digest('base64url')
  const well = { isWritablePrimary: true, maxWireVersion: 21, localTime: new Date(1_000_000), setName: 'rs', hosts: ['a', 'b', 'c'] }

  it('is nothing when all is well', async () => {
    expect(await check(well)).toEqual([])
    expect(await check(well, { partitions: 16, claimKey: proof })).toEqual([])
  })

  it.each<[string, object, object | null, RegExp]>([
    ['an old server', { ...well, maxWireVersion: 6 }, null, /^error: The server speaks wire version 6\. Use MongoDB 6/],
    ['a secondary', { ...well, isWritablePrimary: false }, null, /^error: The server takes no writes\. Name the whole replica set/],
    ['a clock that is wrong', { ...well, localTime: new Date(1_000_000 - 300_000) }, null, /^error: The clock is 300 s away .* Synchronise/],
    ['a clock that is a little wrong', { ...well, localTime: new Date(1_000_000 + 8_000) }, null, /^warning: The clock is 8 s away/],
    ['a single server', { ...well, setName: undefined }, null, /^warning: The server is no replica set/],
    ['a replica set of one', { ...well, hosts: ['a'] }, null, /^warning: The replica set rs has 1 member: no majority/],
    [
      'another number of partitions',
      well,
      { partitions: 8, claimKey: proof },
      /^error: The database has logs of 8 partitions, the settings say 16\. Set PAVAN_PARTITIONS to 8/,
    ],
    ['another key', well, { partitions: 16, claimKey: 'other' }, /^error: The database was made with another key of unique values/],
  ])('names %s', async (_, hello, stored, sentence) => {
    expect(await check(hello, stored)).toEqual([expect.stringMatching(sentence)])
  })
})

test('a server that is not there is a start error, and the next call tries again', async () => {
  const adapters = mongoAdapters({ url: 'mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50', clock: new SystemClock(), claimKey })
  for (let i = 0; i < 2; i++) {
    const error = await adapters.portsFor('identity').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(StartError)
    expect((error as StartError).message).toBe('The MongoDB server of MONGODB_URL cannot be reached.')
  }
  expect(await adapters.check()).toEqual([
    { level: 'error', sentence: 'The MongoDB server of MONGODB_URL cannot be reached.', remedy: 'Start it, or correct MONGODB_URL.' },
  ])
  await adapters.close()
})

whereMongo('MongoDB adapters', (url) => {
  let prefix: string
  const opened: { close(): Promise<void> }[] = []
  const open = (options: Partial<Parameters<typeof mongoAdapters>[0]> = {}) => {
    const adapters = mongoAdapters({ url, prefix, clock: new SystemClock(), claimKey, ...options })
    opened.push(adapters)
    return adapters
  }
  beforeEach(() => {
    prefix = scratchPrefix()
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()))
    await dropDatabases(
      url,
      ['identity', 'admin', 'keys'].map((name) => `${prefix}_${name}`),
    )
  })

  test('the number of partitions and the key of unique values are those of the first start', async () => {
    await open({ partitions: 3 }).portsFor('identity')
    await open({ partitions: 3 }).portsFor('identity')
    await expect(open({ partitions: 4 }).portsFor('identity')).rejects.toThrow('The database has logs of 3 partitions, the settings say 4.')
    await expect(open({ partitions: 3, claimKey: new Uint8Array(32).fill(1) }).portsFor('identity')).rejects.toThrow(/another key of unique values/)
    expect(() => open({ claimKey: new Uint8Array(16) })).toThrow(StartError)
  })

  test('a copy that takes partitions finishes what the one before it had decided', async () => {
    const takeOver = jest.spyOn(MongoRows.prototype, 'takeOver')
    await open().portsFor('identity')
    await until(() => takeOver.mock.calls.length > 0)
    takeOver.mockRestore()
  })

  test('what a copy has just written itself does not blind it to what another copy wrote since', async () => {
    const things = defineTable<Thing>({ name: 'things', version: 1, durability: 'full', indexes: {} })
    const [{ rows: one }, { rows: other }] = [await open().portsFor('identity'), await open().portsFor('identity')]
    for (const rows of [one, other]) await rows.open([things])
    const write = (n: number, by: string): RowChange<Thing> => ({ op: 'put', table: things, key: 'k', row: { n, by } })
    const raise = (from: number): RowChange<Thing> => ({ op: 'patch', table: things, key: 'k', set: { n: from + 1 }, if: { n: from } })
    await one.apply([write(1, 'one')])
    await other.apply([write(7, 'other')])
    // What it remembers would let this pass, and the next one fail.
    expect(await one.apply([raise(1)])).toMatchObject({ applied: false, because: 'condition' })
    await one.apply([write(1, 'one')])
    await other.apply([write(7, 'other')])
    expect(await one.apply([raise(7)])).toEqual({ applied: true, counts: [1] })
    // A row that is only looked at, beside one that is written.
    await one.apply([{ op: 'insert', table: things, key: 'gate', row: { n: 0, by: 'one' } }])
    await other.apply([{ op: 'remove', table: things, key: 'gate' }])
    const once: RowChange<Thing> = { op: 'once', table: things, key: 'gate', row: { n: 0, by: 'one' }, then: [write(9, 'one') as RowChange] }
    expect(await one.apply([once])).toMatchObject({ applied: true })
    expect(await other.get(things, 'k')).toEqual({ n: 9, by: 'one' })
    expect(await other.get(things, 'gate')).toEqual({ n: 0, by: 'one' })
    // Checkpoints as well.
    const to = (from: number, seq: number) => ({ consumer: 'c', context: 'x', p: 0, from, to: seq, durability: 'full' as const })
    expect(await one.apply([], to(0, 5))).toMatchObject({ applied: true })
    expect(await other.apply([], to(5, 6))).toMatchObject({ applied: true })
    expect(await one.apply([write(0, 'late')], to(5, 6))).toEqual({ applied: false, because: 'checkpoint', stored: 6 })
    expect(await one.apply([write(3, 'one')], to(6, 8))).toMatchObject({ applied: true })
  })

  test('a row that is said to be new holds also where it is not, or has just been read as another one', async () => {
    const things = defineTable<Thing>({ name: 'things', version: 1, durability: 'full', indexes: {} })
    const [{ rows: one }, { rows: other }] = [await open().portsFor('identity'), await open().portsFor('identity')]
    for (const rows of [one, other]) await rows.open([things])
    const fresh = (key: string, n: number, by = 'one'): RowChange<Thing> => ({ op: 'put', table: things, key, row: { n, by }, fresh: true })
    const insert = (key: string, n: number): RowChange<Thing> => ({ op: 'insert', table: things, key, row: { n, by: 'one' } })
    expect(await one.apply([fresh('a', 1), fresh('b', 1)])).toMatchObject({ applied: true })
    await other.apply([fresh('a', 2, 'other'), fresh('c', 2, 'other')])
    expect(await one.apply([fresh('a', 3), fresh('c', 3)])).toMatchObject({ applied: true })
    expect([await other.get(things, 'a'), await other.get(things, 'c')]).toEqual([
      { n: 3, by: 'one' },
      { n: 3, by: 'one' },
    ])
    // Nothing of it is there where one of them was.
    expect(await other.apply([insert('d', 4), insert('b', 4)])).toEqual({ applied: false, because: 'condition', failed: 1 })
    expect([await one.get(things, 'd'), (await one.get(things, 'b'))?.n]).toEqual([undefined, 1])
    // Read here, changed there: what was read is not what the change begins with.
    await one.get(things, 'b')
    await other.apply([{ op: 'patch', table: things, key: 'b', set: { n: 9 } }])
    expect(await one.apply([{ op: 'patch', table: things, key: 'b', set: { by: 'both' } }, fresh('e', 1)])).toMatchObject({ applied: true })
    expect(await other.get(things, 'b')).toEqual({ n: 9, by: 'both' })
  })

  describe('a change that follows from what was read', () => {
    const things = defineTable<Thing>({ name: 'things', version: 1, durability: 'full', indexes: {} })
    const write = (key: string, n: number, by = 'one'): RowChange<Thing> => ({ op: 'put', table: things, key, row: { n, by } })
    const to = (from: number, seq: number) => ({ consumer: 'c', context: 'x', p: 0, from, to: seq, durability: 'full' as const })
    const copies = async () => {
      const [{ rows: one }, { rows: other }] = [await open().portsFor('identity'), await open().portsFor('identity')]
      for (const rows of [one, other]) await rows.open([things])
      return { one, other, n: async (key: string) => (await other.get(things, key))?.n }
    }

    test.each([
      ['a row', 1],
      ['a row that was not there', undefined],
    ])('is not made where another copy has changed %s since', async (_, before) => {
      const { one, other, n } = await copies()
      if (before !== undefined) await other.apply([write('k', before)])
      const look = one.look({ sure: true })
      expect((await look.get(things, 'k'))?.n).toBe(before)
      await other.apply([write('k', 7, 'other')])
      // What is read twice is the same twice.
      expect((await look.get(things, 'k'))?.n).toBe(before)
      expect(await one.apply([write('k', 2), write('beside', 2)], to(0, 5), look)).toEqual({ applied: false, because: 'stale' })
      expect([await n('k'), await n('beside'), await other.checkpoint('c', 'x', 0, 'full')]).toEqual([7, undefined, 0])
      const again = one.look({ sure: true })
      expect((await again.get(things, 'k'))?.n).toBe(7)
      expect(await one.apply([write('k', 8), write('beside', 8)], to(0, 5), again)).toMatchObject({ applied: true })
      expect([await n('k'), await n('beside'), await other.checkpoint('c', 'x', 0, 'full')]).toEqual([8, 8, 5])
    })

    test('begins with what this copy has just written, as far as that still holds', async () => {
      const { one, other, n } = await copies()
      await one.apply([write('k', 1), write('read', 1)])
      // Nobody was there: both the row that is written and the one that is only read.
      const quick = one.look()
      expect([(await quick.get(things, 'k'))?.n, (await quick.get(things, 'read'))?.n]).toEqual([1, 1])
      expect(await one.apply([write('k', 2)], to(0, 1), quick)).toMatchObject({ applied: true })
      for (const changed of ['k', 'read']) {
        const look = one.look()
        await look.get(things, 'k')
        await look.get(things, 'read')
        await other.apply([write(changed, 7, 'other')])
        expect(await one.apply([write('k', 9)], to(1, 2), look)).toEqual({ applied: false, because: 'stale' })
        expect(await n(changed)).toBe(7)
        await one.apply([write('k', 1), write('read', 1)])
      }
    })

    test('says which condition fails, and where the checkpoint stands, as without a look', async () => {
      const { one, other } = await copies()
      await other.apply([write('k', 1)], to(0, 3))
      const look = one.look({ sure: true })
      await look.get(things, 'k')
      expect(await one.apply([{ op: 'insert', table: things, key: 'k', row: { n: 2, by: 'one' } }], to(3, 4), look)).toEqual({
        applied: false,
        because: 'condition',
        failed: 0,
      })
      expect(await one.apply([write('k', 2)], to(0, 4), look)).toEqual({ applied: false, because: 'checkpoint', stored: 3 })
      // Nothing to write: nothing to be in the way.
      expect(await one.apply([], to(3, 4), look)).toMatchObject({ applied: true })
    })

    test('is made by two copies at once without losing any of it', async () => {
      const { one, other, n } = await copies()
      const raise = async (rows: typeof one, p: number) => {
        for (let seq = 0; seq < 15;) {
          const look = rows.look({ sure: seq % 2 === 1 })
          const before = (await look.get(things, 'k'))?.n ?? 0
          const { applied } = await rows.apply([write('k', before + 1)], { ...to(seq, seq + 1), p }, look)
          if (applied) seq++
        }
      }
      await Promise.all([raise(one, 0), raise(other, 1)])
      expect(await n('k')).toBe(30)
    })
  })

  test('a clock that is five minutes off refuses to start, where the server tells its time', async () => {
    const now = () => Date.now() + 300_000
    const told = (await open().check()).some(({ sentence }) => sentence.startsWith('The clock'))
    const starting = open({ clock: { now } }).portsFor('identity')
    if (told) await expect(starting).rejects.toThrow(/The clock is \d+ s away/)
    else await starting
  })

  test('services have databases of their own and share the keys; the doctor finds nothing wrong', async () => {
    const adapters = open()
    const [identity, admin] = [await adapters.portsFor('identity'), await adapters.portsFor('admin')]
    expect(await adapters.portsFor('identity')).toBe(identity)
    await identity.store.append(stream('u'), [event()], { expected: 0, claims: [take('email', 'a@x')] })
    expect(await admin.store.read(stream('u'))).toEqual([])
    expect(await admin.store.claimOwner('ten_a', 'email', 'a@x')).toBeUndefined()
    await identity.keys.insert({ tenant: 't', subject: 's', wrapped: new Uint8Array(4), kek: 'k' })
    expect((await admin.keys.get('t', 's')).state).toBe('present')
    expect((await adapters.check()).filter(({ level }) => level === 'error')).toEqual([])
  })

  test('no value of a claim is stored', async () => {
    const { store } = await open().portsFor('identity')
    await store.append(stream('u'), [event()], { expected: 0, claims: [take('email', 'ada@example.org')] })
    const connection = await connect(url)
    const db = connection.useDb(`${prefix}_identity`).db
    const all = JSON.stringify(await db?.collection('claims').find().toArray())
    await connection.close()
    expect(all).toContain('u')
    expect(all).not.toContain('ada@')
  })

  test('a database that stays away is storage that is unavailable, and no error of the driver', async () => {
    const proxy = await cuttingProxy(url)
    const { store, rows } = await open({ url: proxy.url }).portsFor('identity')
    await proxy.close()
    const { ms } = patience
    patience.ms = 100
    const table = defineTable<{ id: string }>({ name: 'items', version: 1, durability: 'full', indexes: {} })
    const calls = [
      store.append(stream('u'), [event()], { expected: 0 }),
      store.read(stream('u')),
      rows.get(table, 'a'),
      rows.find(table, { index: 'x', limit: 1 }),
    ]
    const outcomes = await Promise.allSettled(calls)
    patience.ms = ms
    expect(outcomes.map((one) => (one.status === 'rejected' ? (one.reason as Error).constructor : one.value))).toEqual([
      StorageUnavailable,
      StorageUnavailable,
      StorageUnavailable,
      TypeError,
    ])
  })

  test('rows get the index texts of a table that declares other indexes than before', async () => {
    interface Item {
      id: string
      kind: string
    }
    const { rows } = await open().portsFor('identity')
    const before = defineTable<Item>({ name: 'items', version: 1, durability: 'full', indexes: { byId: ['id'] } })
    const after = defineTable<Item>({ name: 'items', version: 1, durability: 'full', indexes: { byKind: ['kind', 'id'] } })
    await rows.open([before])
    const put = (id: string): RowChange<Item> => ({ op: 'put', table: before, key: id, row: { id, kind: id < 'c' ? 'x' : 'y' } })
    await rows.apply(['a', 'b', 'c'].map(put))
    await rows.open([after])
    expect((await rows.find(after, { index: 'byKind', where: { kind: 'x' }, limit: 10 })).items.map(({ id }) => id)).toEqual(['a', 'b'])
  })

  test('very long values are found, ranged and paged like short ones', async () => {
    interface Item {
      id: string
      text: string
    }
    const { rows } = await open().portsFor('identity')
    const table = defineTable<Item>({ name: 'items', version: 1, durability: 'full', indexes: { byText: ['text'] } })
    await rows.open([table])
    const long = Array.from({ length: 9_000 }, (_, i) => String.fromCodePoint(0x4e00 + ((i * 7919) % 20_000))).join('')
    await rows.apply(['c', 'a', 'b'].map((last): RowChange<Item> => ({ op: 'put', table, key: last, row: { id: last, text: long + last } })))
    expect((await rows.find(table, { index: 'byText', where: { text: `${long}b` }, limit: 10 })).items.map(({ id }) => id)).toEqual(['b'])
    const first = await rows.find(table, { index: 'byText', range: { gte: `${long}a` }, limit: 2 })
    expect(first.items.map(({ id }) => id)).toEqual(['a', 'b'])
    expect((await rows.find(table, { index: 'byText', limit: 2, cursor: first.next as string })).items.map(({ id }) => id)).toEqual(['c'])
  })

  test('what has expired is swept, and the marks of removed rows with it', async () => {
    const clock = new ManualClock()
    const connection = await connect(url)
    const db = connection.useDb(`${prefix}_identity`).db as never
    const rows = await MongoRows.open({ db, clock })
    const table = defineTable<{ id: string; until?: number }>({ name: 'items', version: 1, durability: 'full', indexes: { byId: ['id'] }, expires: 'until' })
    await rows.open([table])
    await rows.apply([
      { op: 'put', table, key: 'a', row: { id: 'a', until: clock.now() + 1_000 } },
      { op: 'put', table, key: 'b', row: { id: 'b' } },
      { op: 'put', table, key: 'c', row: { id: 'c' } },
      { op: 'put', table, key: 'd', row: { id: 'd' } },
    ] as never)
    await rows.apply([{ op: 'remove', table, key: 'c' }] as never)
    await rows.apply([
      { op: 'remove', table, key: 'd' },
      { op: 'put', table, key: 'e', row: { id: 'e' } },
    ] as never)
    const stored = () => connection.useDb(`${prefix}_identity`).db?.collection('t_items_v1').countDocuments()
    expect([await rows.sweep(), await stored()]).toEqual([0, 5])
    clock.advance(1_000)
    expect([await rows.sweep(), await stored()]).toEqual([1, 4])
    clock.advance(600_000)
    expect([await rows.sweep(), await stored()]).toEqual([2, 2])
    await rows.close()
    await connection.close()
  })
})
