import { SystemClock } from '@pavan/kernel'
import { defineTable, type Checkpoint, type RowChange, type Rows } from '@pavan/platform/views/rows.js'
import mongoose, { type Connection } from 'mongoose'
import { connect, type Db } from './database.js'
import { MongoRows } from './mongo-rows.js'
import { dropDatabases, scratchPrefix } from './testing/scratch.js'
import { whereMongo } from './testing/where-mongo.js'
import { wrappedDb, type Write } from './testing/wrapped-db.js'

interface Item {
  id: string
  by: string
}
const items = defineTable<Item>({ name: 'items', version: 1, durability: 'full', indexes: { byId: ['id'] } })
const partitions = Array.from({ length: 10 }, (_, p) => p)
const upTo = (p: number, from: number, to: number): Checkpoint => ({ consumer: 'view', context: 'identity', p, from, to, durability: 'full' })
/** Said to be new, so that nobody looks before. */
const put = (id: string, by: string): RowChange<Item> => ({ op: 'put', table: items, key: id, row: { id, by }, fresh: true })

whereMongo('changes of several partitions in one moment', (url) => {
  let connection: Connection
  let name: string
  const opened: MongoRows[] = []
  beforeAll(async () => {
    connection = await connect(url)
  })
  beforeEach(() => (name = scratchPrefix()))
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((rows) => rows.close()))
    await dropDatabases(url, [name])
  })
  afterAll(() => connection.close())

  /** Two copies, of which one has moved all checkpoints before, and what it sends from now on. */
  const begin = async () => {
    const db = connection.useDb(name).db as Db
    const sent: Write[] = []
    let after: (write: Write) => void = () => undefined
    const write = async (one: Write, send: () => Promise<unknown>): Promise<unknown> => {
      sent.push(one)
      const answer = await send()
      after(one)
      return answer
    }
    const open = async (of: Db): Promise<MongoRows> => {
      const rows = await MongoRows.open({ db: of, clock: new SystemClock() })
      opened.push(rows)
      await rows.open([items])
      return rows
    }
    const [one, other] = [await open(wrappedDb(db, { write })), await open(db)]
    for (const to of [1, 2, 3]) await Promise.all(partitions.map((p) => one.apply([put(`${to} ${p}`, 'one')], upTo(p, to - 1, to))))
    sent.length = 0
    return { one, other, sent, onSent: (then: typeof after) => (after = then) }
  }
  const move = (rows: Rows) => Promise.all(partitions.map((p) => rows.apply([put(`4 ${p}`, 'one')], upTo(p, 3, 4))))
  const applied = { applied: true, counts: [1] }
  const listed = async (rows: Rows) => (await rows.find(items, { index: 'byId', range: { gte: '4' }, limit: 100 })).items
  const seqs = (rows: Rows) => Promise.all(partitions.map((p) => rows.checkpoint('view', 'identity', p, 'full')))

  test('are one insert and one write of all checkpoints', async () => {
    const { one, other, sent } = await begin()
    expect(await move(one)).toEqual(partitions.map(() => applied))
    const counts = sent.map(({ method, args: [what] }) => [method, ((what as { documents?: unknown[] }).documents ?? (what as unknown[])).length])
    expect(counts).toEqual([
      ['insert', 10],
      ['bulkWrite', 10],
    ])
    for (const rows of [one, other]) expect(await listed(rows)).toEqual(partitions.map((p) => ({ id: `4 ${p}`, by: 'one' })))
  })

  test('that are larger than a command are cut, and are there together', async () => {
    const { one, other, sent } = await begin()
    const large = 'x'.repeat(900_000)
    const ids = ['4 a', '4 b', '4 c', '4 d', '4 e']
    expect(
      await one.apply(
        ids.map((id) => put(id, large)),
        upTo(0, 3, 4),
      ),
    ).toEqual({ applied: true, counts: ids.map(() => 1) })
    const inserted = sent.flatMap(({ args: [what] }) => (what as { documents?: unknown[] }).documents?.length ?? [])
    expect(inserted).toEqual([2, 2, 1])
    expect((await listed(other)).map(({ id, by }) => [id, by.length])).toEqual(ids.map((id) => [id, large.length]))
  })

  test('beside new rows it is the one that ends which decides: no lock and no finishing of its own', async () => {
    const { one, other, sent } = await begin()
    await other.apply([put('4 asks', 'other')])
    const remove = { op: 'remove', table: items, key: '4 asks' } as unknown as RowChange<Item>
    expect(await one.apply([put('4 a', 'one'), put('4 b', 'one'), remove])).toEqual({ applied: true, counts: [1, 1, 1] })
    expect(sent.map(({ method }) => method)).toEqual(['insert', 'updateOne', 'bulkWrite'])
    expect((await listed(other)).map(({ id }) => id)).toEqual(['4 a', '4 b'])
  })

  test('are judged each for itself, where one checkpoint was moved by another copy and one row is not new', async () => {
    const { one, other, sent } = await begin()
    await other.apply([], upTo(3, 3, 9))
    await other.apply([put('4 5', 'other')])
    expect(await move(one)).toEqual(partitions.map((p) => (p === 3 ? { applied: false, because: 'checkpoint', stored: 9 } : applied)))
    // The others need no second try.
    expect(sent.filter(({ method }) => method === 'insert')).toHaveLength(1)
    const expected = partitions.filter((p) => p !== 3).map((p) => ({ id: `4 ${p}`, by: 'one' }))
    for (const rows of [one, other]) expect([await listed(rows), await seqs(rows)]).toEqual([expected, partitions.map((p) => (p === 3 ? 9 : 4))])
  })

  test.each(['insert', 'bulkWrite'])('are all there once where the answer of their %s was lost', async (lost) => {
    const { one, other, onSent } = await begin()
    let once = true
    onSent(({ method }) => {
      if (method !== lost || !once) return
      once = false
      throw new mongoose.mongo.MongoNetworkError('the answer was lost')
    })
    expect(await move(one)).toEqual(partitions.map(() => applied))
    expect(once).toBe(false)
    for (const rows of [one, other])
      expect([await listed(rows), await seqs(rows)]).toEqual([partitions.map((p) => ({ id: `4 ${p}`, by: 'one' })), partitions.map(() => 4)])
  })
})
