import { roleAssigned, roleUnassigned } from '@pavan/contracts'
import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters, type SqliteAdapters } from '@pavan/sqlite'
import { parkedEvents } from '../bus/parked-events.js'
import type { StoredEvent } from '../events/event-store.js'
import { BlindIndex } from '../privacy/blind-index.js'
import { EventCipher } from '../privacy/event-cipher.js'
import { LocalKeyEncryptionKey } from '../privacy/kek.js'
import { KeyRing } from '../privacy/key-ring.js'
import { StorageUnavailable } from '../service/storage-unavailable.js'
import { makeLog } from '../telemetry/log.js'
import { sharedAdapters } from '../testing/shared-adapters.js'
import { until } from '../testing/until.js'
import { add, put, remove } from './changes.js'
import { defineView, on, type Changes, type Current } from './define-view.js'
import { physical } from './live-tables.js'
import { checkpointsOf, defineTable, type Rows } from './rows.js'
import { ViewRunner } from './view-runner.js'

interface Count {
  readonly n: number
  readonly expiresAt?: number
}
const lasting = defineTable<Count>({ name: 'lasting', version: 1, durability: 'rebuildable', indexes: {} })
const passing = defineTable<Count>({ name: 'passing', version: 1, durability: 'rebuildable', indexes: {}, expires: 'expiresAt' })

let adapters: SqliteAdapters
let rows: Rows
beforeEach(async () => {
  adapters = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) })
  rows = (await adapters.portsFor('spec')).rows
  await rows.open([parkedEvents as never])
})
afterEach(() => adapters.close())

const event = (seq: number): StoredEvent => ({
  id: `evt_${seq}`,
  type: roleAssigned.type,
  schema: 1,
  context: 'authorization',
  stream: { tenant: 'ten_a', category: 'assignment', id: 'usr_1' },
  version: seq,
  position: { p: 0, seq },
  at: seq,
  data: { assignee: 'usr_1', role: `role-${seq}` },
  meta: { actor: { type: 'system', id: 'spec' } },
})

const log = makeLog({ level: 'silent', format: 'json' })
const runnerOf = async (handle: (current: Current, role: string) => Promise<Changes>, over = rows): Promise<ViewRunner> => {
  const keys = new KeyRing((await adapters.portsFor('spec')).keys, new LocalKeyEncryptionKey(new Uint8Array(32)))
  const view = defineView({
    name: 'counts',
    version: 1,
    tables: [lasting, passing],
    on: [on(roleAssigned, ({ data }, current: Current) => handle(current, data.role))],
  })
  const runner = new ViewRunner(view, 1000, over, new EventCipher(keys), log, async () => new BlindIndex(new Uint8Array(32)))
  await runner.open()
  return runner
}

/** Runs a view over one batch of `count` events, and answers in how many commits it was written. */
const run = async (count: number, handle: (current: Current) => Promise<Changes>): Promise<number> => {
  const apply = jest.spyOn(rows, 'apply')
  const runner = await runnerOf(handle)
  await runner.handle({ context: 'authorization', p: 0, events: Array.from({ length: count }, (_, i) => event(i + 1)) })
  expect(runner.status().parked).toEqual([])
  return apply.mock.calls.length
}
const row = (table: typeof lasting) => rows.get(physical(table, 1000), 'one')

describe('a batch of events that each read what the one before has written', () => {
  const increase =
    (table: typeof lasting, more: Partial<Count> = {}) =>
    async (current: Current) => [put(table, 'one', { n: ((await current.get(table, 'one'))?.n ?? 0) + 1, ...more })]

  it('is one commit where the row was written as a whole', async () => {
    expect(await run(50, increase(lasting))).toBe(1)
    expect(await row(lasting)).toEqual({ n: 50 })
  })

  it('asks the rows where the row may have expired', async () => {
    expect(await run(5, increase(passing, { expiresAt: 1 }))).toBe(5)
    expect(await row(passing)).toBeUndefined()
    expect((await rows.checkpoint('view:counts@1000', 'authorization', 0, 'rebuildable')) === 5).toBe(true)
  })

  it('asks the rows where the change says only a part of the row', async () => {
    const read: number[] = []
    const commits = await run(4, async (current) => {
      read.push((await current.get(lasting, 'one'))?.n ?? 0)
      return [add(lasting, 'one', { n: 1 }, { n: 0 })]
    })
    expect([read, commits]).toEqual([[0, 1, 2, 3], 4])
  })

  it('sees that the row was removed after it was written', async () => {
    const read: (number | undefined)[] = []
    await run(3, async (current) => {
      read.push((await current.get(lasting, 'one'))?.n)
      return [put(lasting, 'one', { n: 7 }), remove(lasting, 'one')]
    })
    expect(read).toEqual([undefined, undefined, undefined])
  })
})

test('what an event read before the changes of earlier ones were written is read again', async () => {
  const read: unknown[] = []
  await run(2, async (current) => {
    const seen = [(await current.get(lasting, 'other'))?.n, (await current.get(lasting, 'one'))?.n]
    read.push(seen)
    return [add(lasting, 'one', { n: 1 }, { n: 0 }), put(lasting, 'other', { n: seen[1] ?? 0 })]
  })
  expect(read).toEqual([
    [undefined, undefined],
    [0, 1],
    [0, 1],
  ])
  expect(await row(lasting)).toEqual({ n: 2 })
})

describe('a row that another copy has changed since it was read', () => {
  const increase = async (current: Current) => [put(lasting, 'one', { n: ((await current.get(lasting, 'one'))?.n ?? 0) + 1 })]
  const stale = { applied: false, because: 'stale' } as const

  it('has the events worked on again from a sure look, each once', async () => {
    const shared = (await sharedAdapters(adapters).portsFor('spec')).rows
    const look = jest.spyOn(shared, 'look')
    jest.spyOn(shared, 'apply').mockResolvedValueOnce(stale).mockResolvedValueOnce(stale)
    const runner = await runnerOf(increase, shared)
    await runner.handle({ context: 'authorization', p: 0, events: [event(1), event(2), event(3)] })
    expect(look.mock.calls.slice(0, 3).map(([options]) => options?.sure)).toEqual([false, true, true])
    expect(await row(lasting)).toEqual({ n: 3 })
    expect(runner.status()).toMatchObject({ pending: 0, parked: [] })
  })

  it('leaves the batch to the bus where it goes on for too long, and parks nothing', async () => {
    const shared = (await sharedAdapters(adapters).portsFor('spec')).rows
    const apply = jest.spyOn(shared, 'apply').mockResolvedValue(stale)
    const runner = await runnerOf(increase, shared)
    await expect(runner.handle({ context: 'authorization', p: 0, events: [event(1)] })).rejects.toThrow('another copy changed rows')
    expect([apply.mock.calls.length, runner.status().parked]).toEqual([8, []])
  })
})

describe('a batch where rows are shared', () => {
  const sharedRows = async () => (await sharedAdapters(adapters).portsFor('spec')).rows
  const events = (count: number) => ({ context: 'authorization', p: 0, events: Array.from({ length: count }, (_, i) => event(i + 1)) })

  it('reads what its events ask for at once', async () => {
    const shared = await sharedRows()
    const waiting: (() => void)[] = []
    jest.spyOn(shared, 'look').mockReturnValue({
      get: async () => {
        await new Promise<void>((resolve) => waiting.push(resolve))
        return undefined
      },
    })
    let asked = 0
    const runner = await runnerOf(async (current) => {
      const key = `${++asked}`
      await current.get(lasting, key)
      return [put(lasting, key, { n: 1 })]
    }, shared)
    const done = runner.handle(events(10))
    await until(() => waiting.length === 10)
    for (const go of waiting.splice(0)) go()
    await done
    expect([asked, await rows.get(physical(lasting, 1000), '10')]).toEqual([10, { n: 1 }])
  })

  it('has each event find what those before it changed', async () => {
    const runner = await runnerOf(
      async (current) => {
        const before = (await current.get(lasting, 'one'))?.n ?? 0
        // Every third change says only a part of the row, so that the next event has it written first.
        return before % 3 === 2 ? [add(lasting, 'one', { n: 1 }, { n: 0 })] : [put(lasting, 'one', { n: before + 1 })]
      },
      await sharedRows(),
    )
    await runner.handle(events(20))
    expect([await row(lasting), runner.status().parked]).toEqual([{ n: 20 }, []])
  })

  it('does not go by what was read before a write, because another copy may have written since', async () => {
    const shared = await sharedRows()
    const runner = await runnerOf(async (current, role) => {
      if (role === 'role-3') return [put(lasting, 'seen', (await current.get(passing, 'other')) ?? { n: 0 })]
      // The second has the first one's change written.
      await current.get(lasting, 'one')
      return [add(lasting, 'one', { n: 1 }, { n: 0 })]
    }, shared)
    const { apply } = shared
    jest.spyOn(shared, 'apply').mockImplementationOnce(async (...args) => {
      const result = await apply.apply(shared, args)
      await rows.apply([put(physical(passing, 1000), 'other', { n: 8 })])
      return result
    })
    await runner.handle(events(3))
    expect(await rows.get(physical(lasting, 1000), 'seen')).toEqual({ n: 8 })
  })

  it('parks the stream of an event that throws when its turn has come, and does the others', async () => {
    const shared = await sharedRows()
    let seen = 0
    const runner = await runnerOf(async (current) => {
      const n = ++seen
      await current.get(lasting, `${n}`)
      if (n === 2) throw new TypeError('does not fit')
      return [put(lasting, `${n}`, { n })]
    }, shared)
    const ofOthers = events(3).events.map((one, i) => ({ ...one, stream: { ...one.stream, id: `usr_${i}` } }))
    await runner.handle({ ...events(0), events: ofOthers })
    const written = await Promise.all(['1', '2', '3'].map((key) => rows.get(physical(lasting, 1000), key)))
    expect([written, runner.status().parked.length]).toEqual([[{ n: 1 }, undefined, { n: 3 }], 1])
  })
})

describe('a view that is built beside the one that people read', () => {
  const counting = async (count: number, over = rows) => {
    const apply = jest.spyOn(rows, 'apply')
    const runner = await runnerOf(async (current) => [put(lasting, 'one', { n: ((await current.get(lasting, 'one'))?.n ?? 0) + 1 })], over)
    runner.calm = true
    let turns = 0
    let going = true
    const turn = (): void => {
      turns++
      if (going) setImmediate(turn)
    }
    turn()
    await runner.handle({ context: 'authorization', p: 0, events: Array.from({ length: count }, (_, i) => event(i + 1)) })
    going = false
    return { sizes: apply.mock.calls.flatMap(([, upTo]) => checkpointsOf(upTo).map(({ from, to }) => to - from)), turns, runner }
  }

  it('lets others have their turn, and loses nothing', async () => {
    const { sizes, turns, runner } = await counting(10)
    expect([sizes, turns >= 2]).toEqual([[4, 4, 2], true])
    expect(await row(lasting)).toEqual({ n: 10 })
    expect(runner.status()).toMatchObject({ pending: 0, parked: [] })
  })

  it('makes larger commits where rows are shared', async () => {
    const { sizes } = await counting(250, (await sharedAdapters(adapters).portsFor('spec')).rows)
    expect(sizes).toEqual([50, 50, 50, 50, 50])
  })

  it('tells the bus how much it takes, and takes all once it is live', async () => {
    const { runner } = await counting(1)
    expect(runner.atOnce()).toBe(4)
    runner.calm = false
    expect(runner.atOnce()).toBe(Infinity)
  })
})

describe("events that are none of a view's business, where other copies learn from the checkpoint", () => {
  const foreign = (seq: number): StoredEvent => ({ ...event(seq), type: roleUnassigned.type })
  const stored = () => rows.checkpoint('view:counts@1000', 'authorization', 0, 'rebuildable')

  it('are stored together a moment later, and a change takes them along', async () => {
    const shared = (await sharedAdapters(adapters).portsFor('spec')).rows
    const runner = await runnerOf(async () => [put(lasting, 'one', { n: 1 })], shared)
    // Partitions have just moved, so a moment is short.
    await runner.resume('authorization', 0)
    const apply = jest.spyOn(rows, 'apply')
    const take = (...events: StoredEvent[]) => runner.handle({ context: 'authorization', p: 0, events })
    for (let seq = 1; seq <= 50; seq++) await take(foreign(seq))
    // Whoever waits in this copy does not wait for the checkpoint.
    await runner.passed('authorization', 0, 50).reached
    await take(event(51))
    expect([apply.mock.calls.length < 50, await stored(), await row(lasting)]).toEqual([true, 51, { n: 1 }])
    await take(foreign(52))
    // Whoever waits in another copy looks at the checkpoint.
    const other = await runnerOf(async () => [], shared)
    await other.passed('authorization', 0, 52).reached
    expect(await stored()).toBe(52)
  })

  it('are stored before the view ends', async () => {
    const runner = await runnerOf(async () => [], (await sharedAdapters(adapters).portsFor('spec')).rows)
    await runner.handle({ context: 'authorization', p: 0, events: [foreign(1)] })
    await runner.idle()
    expect(await stored()).toBe(1)
  })
})

describe("a batch in which nothing is a view's business", () => {
  const foreign = (seq: number): StoredEvent => ({ ...event(seq), type: 'role.renamed' })
  const batch = (...events: readonly StoredEvent[]) => ({ context: 'authorization', p: 0, events })

  it('moves it on without a write, and what comes again is not done again', async () => {
    const runner = await runnerOf(async () => [add(lasting, 'one', { n: 1 }, { n: 0 })])
    await runner.handle(batch(event(1)))
    const apply = jest.spyOn(rows, 'apply')
    await runner.handle(batch(foreign(2), foreign(3)))
    expect([await runner.position('authorization', 0), apply.mock.calls.length]).toEqual([3, 0])
    await runner.handle(batch(foreign(2)))
    expect(await runner.position('authorization', 0)).toBe(3)
    await runner.handle(batch(event(1), foreign(2), foreign(3), event(4)))
    expect([await runner.position('authorization', 0), await row(lasting)]).toEqual([4, { n: 2 }])
  })
})

it('a handler that finds the rows away parks nothing: the batch comes again and goes through', async () => {
  let away = true
  const runner = await runnerOf(async (current) => {
    await current.get(lasting, 'a')
    if (away) throw new StorageUnavailable('the database does not answer')
    return [add(lasting, 'a', { n: 1 }, { n: 0 })]
  })
  const batch = { context: 'authorization', p: 0, events: [event(1), event(2)] }
  await expect(runner.handle(batch)).rejects.toThrow(StorageUnavailable)
  expect(runner.status()).toMatchObject({ parked: [], positions: { 'authorization:0': 0 } })
  away = false
  await runner.handle(batch)
  expect(runner.status()).toMatchObject({ parked: [], positions: { 'authorization:0': 2 } })
  expect(await rows.get(physical(lasting, 1000), 'a')).toEqual({ n: 2 })
})
