import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters, type SqliteAdapters } from '@pavan/sqlite'
import type { StoredEvent } from '../events/event-store.js'
import { StorageUnavailable } from '../service/storage-unavailable.js'
import { makeLog } from '../telemetry/log.js'
import { sharedAdapters } from '../testing/shared-adapters.js'
import { add, patch, put, remove } from '../views/changes.js'
import type { Changes } from '../views/define-view.js'
import { defineTable, type Rows } from '../views/rows.js'
import { FallenBehind } from './bus.js'
import { EventConsumer } from './event-consumer.js'
import { parkedEvents } from './parked-events.js'
import type { Unwritten } from './unwritten.js'

const seen = defineTable<{ seq: number }>({ name: 'seen', version: 1, durability: 'rebuildable', indexes: { bySeq: ['seq'] } })

const counted = defineTable<{ count: number }>({ name: 'counted', version: 1, durability: 'rebuildable', indexes: {} })

/** Notes each event in a row; what `special` says of an event comes first. */
class Noting extends EventConsumer {
  special: Readonly<Record<number, (unwritten: Unwritten) => Promise<Changes> | Changes>> = {}

  constructor(rows: Rows, log = makeLog({ level: 'silent', format: 'json' })) {
    super('spec', ['notes'], rows, log)
  }
  concerns(): boolean {
    return true
  }
  protected async process({ position: { seq } }: StoredEvent, unwritten: Unwritten): Promise<Changes> {
    return [...((await this.special[seq]?.(unwritten)) ?? []), put(seen, String(seq), { seq })]
  }
}

let adapters: SqliteAdapters
let rows: Rows
let consumer: Noting
beforeEach(async () => {
  adapters = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) })
  rows = (await adapters.portsFor('spec')).rows
  await rows.open([parkedEvents, seen, counted] as never)
  consumer = new Noting(rows)
})
afterEach(() => adapters.close())

const event = (seq: number, id = `not_${seq}`): StoredEvent => ({
  id: `evt_${seq}`,
  type: 'note.written',
  schema: 1,
  context: 'notes',
  stream: { tenant: 'ten_a', category: 'note', id },
  version: seq,
  position: { p: 0, seq },
  at: seq,
  data: {},
  meta: { actor: { type: 'system', id: 'spec' } },
})
const handle = (...events: readonly StoredEvent[]) => consumer.handle({ context: 'notes', p: 0, events })
const noted = async () => (await rows.find(seen, { index: 'bySeq', limit: 100 })).items.map(({ seq }) => seq)
const parked = async () => (await rows.find(parkedEvents, { index: 'byStream', limit: 100 })).items.map(({ seq, error }) => [seq, error])

const failing = (): Changes => {
  throw new Error('unreadable')
}
/** A change that holds only where there is a row, and there is none. */
const unfit = (): Changes => [patch(seen, 'none', { seq: 0 }, { seq: 0 })]
const doesNotHold = 'TypeError: spec: change 0 does not hold: patch in seen'

describe('an event that failed is parked once, with its reason', () => {
  it.each(['own', 'shared'])('where a change of the same batch does not hold and rows are %s', async (kind) => {
    if (kind === 'shared') consumer = new Noting((await sharedAdapters(adapters).portsFor('spec')).rows)
    consumer.special = { 1: failing, 2: unfit }
    await handle(event(1), event(2), event(3))
    expect([await parked(), await noted()]).toEqual([
      [
        [1, 'Error: unreadable'],
        [2, doesNotHold],
      ],
      [3],
    ])
    expect(consumer.status().parked.map(({ waiting }) => waiting)).toEqual([1, 1])
  })

  it('where the batch could not be written the first time', async () => {
    consumer.special = { 1: failing }
    jest.spyOn(rows, 'apply').mockRejectedValueOnce(new StorageUnavailable('the disk is full'))
    await expect(handle(event(1, 'not_a'), event(2, 'not_a'))).rejects.toThrow(StorageUnavailable)
    expect(consumer.status().parked).toEqual([])
    await handle(event(1, 'not_a'), event(2, 'not_a'))
    expect(await parked()).toEqual([
      [1, 'Error: unreadable'],
      [2, ''],
    ])
    expect(consumer.status().parked).toMatchObject([{ error: 'Error: unreadable', waiting: 2 }])
  })
})

test('a parked stream says what still waits and why, after some of it went through', async () => {
  consumer.special = { 1: failing }
  await handle(...[1, 2, 3, 4].map((seq) => event(seq, 'not_a')))
  expect(consumer.status().parked).toMatchObject([{ error: 'Error: unreadable', waiting: 4 }])
  consumer.special = { 3: unfit }
  expect(await consumer.retry('notes/ten_a/note/not_a')).toBe(false)
  expect([consumer.status().parked, await noted()]).toMatchObject([[{ error: doesNotHold, waiting: 2 }], [1, 2]])
  consumer.special = { 4: failing }
  expect(await consumer.skip('notes/ten_a/note/not_a', 'spec')).toBe(false)
  expect([consumer.status().parked, await noted()]).toMatchObject([[{ error: 'Error: unreadable', waiting: 1 }], [1, 2]])
})

describe('an event that has those before it written first', () => {
  const flushing = async (unwritten: Unwritten): Promise<Changes> => {
    await unwritten.flush()
    return []
  }

  it('is not parked for what does not hold of them', async () => {
    consumer.special = { 2: unfit, 3: flushing }
    await handle(event(1), event(2), event(3), event(4))
    expect([await parked(), await noted()]).toEqual([[[2, doesNotHold]], [1, 3, 4]])
  })

  it('loses none of them where another copy moved the checkpoint', async () => {
    consumer.special = { 4: flushing }
    await consumer.position('notes', 0)
    await rows.apply([put(seen, '1', { seq: 1 })], { consumer: 'spec', context: 'notes', p: 0, from: 0, to: 1, durability: 'rebuildable' })
    const events = [1, 2, 3, 4].map((seq) => event(seq))
    await expect(handle(...events)).rejects.toThrow('another copy moved the checkpoint to 1')
    await handle(...events)
    expect([await parked(), await noted()]).toEqual([[], [1, 2, 3, 4]])
  })

  it('leaves them to the bus where they cannot be written', async () => {
    consumer.special = { 2: flushing }
    jest.spyOn(rows, 'apply').mockRejectedValueOnce(new Error('connection lost'))
    await expect(handle(event(1), event(2))).rejects.toThrow('connection lost')
    await handle(event(1), event(2))
    expect([await parked(), await noted()]).toEqual([[], [1, 2]])
  })

  it('finds them there from every read that it begins', async () => {
    const found: (object | undefined)[] = []
    const reading = async (unwritten: Unwritten): Promise<Changes> => {
      await unwritten.flush()
      found.push(await unwritten.look.get(seen, '1'))
      return []
    }
    consumer.special = { 2: async (unwritten) => (await Promise.all([reading(unwritten), reading(unwritten)])).flat() }
    await handle(event(1), event(2))
    expect([found, await noted()]).toEqual([
      [{ seq: 1 }, { seq: 1 }],
      [1, 2],
    ])
  })
})

it('what its storage has lost of what it had done, it asks the bus for, and leaves nothing out', async () => {
  const said: string[] = []
  const log = makeLog({ level: 'warn', format: 'json', destination: { write: (line) => void said.push(line) } })
  consumer = new Noting((await sharedAdapters(adapters).portsFor('spec')).rows, log)
  await handle(event(1), event(2), event(3))
  await rows.apply([remove(seen, '2'), remove(seen, '3')], { consumer: 'spec', context: 'notes', p: 0, from: 3, to: 1, durability: 'rebuildable' })
  const next = { context: 'notes', p: 0, events: [event(4)], after: 3 }
  await expect(consumer.handle(next)).rejects.toThrow('moved the checkpoint to 1')
  await expect(consumer.handle(next)).rejects.toMatchObject({ constructor: FallenBehind, done: 1 })
  expect([await noted(), said.map((line) => JSON.parse(line))]).toMatchObject([[1], [{ consumer: 'spec', stored: 1, from: 3 }]])
  await consumer.handle({ ...next, events: [event(2), event(3), event(4)], after: 1 })
  expect(await noted()).toEqual([1, 2, 3, 4])
})

it('the parts of a batch are done one after the other, also where the storage loses one of them in between', async () => {
  consumer = new Noting((await sharedAdapters(adapters).portsFor('spec')).rows)
  jest.spyOn(consumer, 'atOnce').mockReturnValue(2)
  consumer.special = {
    4: async () => {
      consumer.special = {}
      await rows.apply([remove(seen, '1'), remove(seen, '2')], { consumer: 'spec', context: 'notes', p: 0, from: 2, to: 0, durability: 'rebuildable' })
      return []
    },
  }
  const batch = { context: 'notes', p: 0, events: [1, 2, 3, 4].map((seq) => event(seq)), after: 0 }
  await expect(consumer.handle(batch)).rejects.toThrow('moved the checkpoint to 0')
  await consumer.handle(batch)
  expect(await noted()).toEqual([1, 2, 3, 4])
})

it('an event that fails while it is read what is parked is not forgotten', async () => {
  consumer.special = { 1: failing }
  const { find } = rows
  let handled: Promise<void> | undefined
  jest.spyOn(rows, 'find').mockImplementationOnce(async (...asked) => {
    const page = await find.apply(rows, asked)
    handled = handle(event(1))
    // Long enough for the event to be parked, if it did not wait.
    for (let n = 0; n < 20; n++) await rows.apply([put(seen, 'other', { seq: n })])
    return page as never
  })
  await consumer.load()
  await handled
  expect(consumer.status().parked).toMatchObject([{ error: 'Error: unreadable' }])
})

it('partitions that come together have what is parked read once, and one that comes meanwhile once more', async () => {
  const shared = (await sharedAdapters(adapters).portsFor('spec')).rows
  consumer = new Noting(shared)
  const { find } = shared
  let late: Promise<number> | undefined
  const reads = jest.spyOn(shared, 'find').mockImplementation((...asked) => {
    late ??= consumer.resume('notes', 9)
    return find.apply(shared, asked) as never
  })
  await Promise.all([0, 1, 2, 3].map((p) => consumer.resume('notes', p)))
  await late
  expect(reads).toHaveBeenCalledTimes(2)
})

it('what another copy did in one partition says nothing of the partitions that this copy works on', async () => {
  const shared = (await sharedAdapters(adapters).portsFor('spec')).rows
  const [mine, others] = [new Noting(shared), new Noting(shared)]
  const look = jest.fn(async () => 'asked')
  await mine.handle({ context: 'notes', p: 0, events: [event(1)] })
  await others.handle({ context: 'notes', p: 1, events: [{ ...event(2), position: { p: 1, seq: 2 } }] })
  expect(await mine.doneElsewhere('notes', 1, [2, 2], look)).toBe('asked')
  expect(await mine.doneElsewhere('notes', 0, [1, 1], look)).toBeUndefined()
  expect(look).toHaveBeenCalledTimes(1)
})

it('once another copy works on a partition of this one, nothing is believed of the others any more', async () => {
  const shared = (await sharedAdapters(adapters).portsFor('spec')).rows
  const [mine, others] = [new Noting(shared), new Noting(shared)]
  const look = jest.fn(async () => 'asked')
  await mine.handle({ context: 'notes', p: 0, events: [event(1)] })
  await mine.handle({ context: 'notes', p: 1, events: [{ ...event(2), position: { p: 1, seq: 2 } }] })
  await others.handle({ context: 'notes', p: 1, events: [{ ...event(3), position: { p: 1, seq: 3 } }] })
  expect(await mine.doneElsewhere('notes', 1, [3, 3], look)).toBe('asked')
  // Asked before the wait, as of any partition of which this copy does not know who works on it.
  expect(await mine.doneElsewhere('notes', 0, [1, 1], look)).toBe('asked')
  expect(look).toHaveBeenCalledTimes(2)
})

it('who leaves waits no longer for what nobody may do any more', async () => {
  const shared = (await sharedAdapters(adapters).portsFor('spec')).rows
  const look = jest.fn(async () => 'asked')
  for (const known of [false, true]) {
    const mine = new Noting(shared)
    if (known) await mine.handle({ context: 'notes', p: 0, events: [event(1)] })
    const waiting = mine.doneElsewhere('notes', 0, [2, 2], look)
    mine.leave()
    expect(await waiting).toBe('asked')
    expect(await mine.doneElsewhere('notes', 0, [3, 3], look)).toBe('asked')
  }
})

describe('batches of several partitions', () => {
  /** Where rows are shared, or not. `held` keeps every event of partition 0 until `go`. */
  const begin = async ({ shared, limit = Infinity }: { shared: boolean; limit?: number }) => {
    const of = shared ? sharedAdapters(adapters) : adapters
    consumer = new Noting((await of.portsFor('spec')).rows)
    jest.spyOn(consumer, 'atOnce').mockReturnValue(limit)
    const { promise: held, resolve: go } = Promise.withResolvers<void>()
    consumer.special = { 1: () => held.then(() => []) }
    const at = (p: number, seq: number) => ({ context: 'notes', p, events: [{ ...event(seq), position: { p, seq } }] })
    const done: string[] = []
    const note = (what: string) => (work: Promise<unknown>) => work.then(() => void done.push(what))
    return { go, done, slow: note('slow')(consumer.handle(at(0, 1))), quick: note('quick')(consumer.handle(at(1, 2))), note, at }
  }

  it('are worked on side by side where rows are shared', async () => {
    const { go, done, slow, quick } = await begin({ shared: true })
    await quick
    expect([await noted(), consumer.status().pending]).toEqual([[2], 1])
    go()
    await slow
    expect([done, await noted(), consumer.status()]).toMatchObject([['quick', 'slow'], [1, 2], { pending: 0, positions: { 'notes:0': 1, 'notes:1': 2 } }])
  })

  it('are not where it is the same one, handed over twice because partitions have moved: each event counts once', async () => {
    consumer = new Noting((await sharedAdapters(adapters).portsFor('spec')).rows)
    const counts = (wait?: Promise<unknown>) => async (): Promise<Changes> => {
      await wait
      return [add(counted, 'all', { count: 1 }, { count: 0 })]
    }
    consumer.special = { 1: counts(), 2: counts() }
    const first = handle(event(1))
    // Slow enough for the first one to be written meanwhile, if it did not wait.
    consumer.special = { ...consumer.special, 2: counts(first) }
    await Promise.all([first, handle(event(1), event(2))])
    expect(await rows.get(counted, 'all')).toEqual({ count: 2 })
  })

  it.each([
    ['rows are its own', { shared: false }],
    ['a consumer leaves room for others', { shared: true, limit: 50 }],
  ])('are worked on one after the other where %s', async (_, how) => {
    const { go, done, slow, quick } = await begin(how)
    setImmediate(go)
    await Promise.all([slow, quick])
    expect(done).toEqual(['slow', 'quick'])
  })

  it('are not worked on while a stream is tried again, nor is one while they are', async () => {
    const { go, done, slow, quick, note, at } = await begin({ shared: true })
    const retried = note('retried')(consumer.retry('notes/ten_a/note/not_3'))
    const later = note('later')(consumer.handle(at(1, 3)))
    await quick
    setImmediate(go)
    await Promise.all([slow, retried, later])
    expect(done).toEqual(['quick', 'slow', 'retried', 'later'])
  })
})
