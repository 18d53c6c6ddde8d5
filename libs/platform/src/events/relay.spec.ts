import type { Position } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import { SystemClock } from '@pavan/kernel'
import { Bus } from '../bus/bus.js'
import { makeLog } from '../telemetry/log.js'
import { until } from '../testing/until.js'
import type { EventStore, StoredEvent } from './event-store.js'
import { publishAtOnce, Relay } from './relay.js'

const log = makeLog({ level: 'silent' })
const adapters: ReturnType<typeof sqliteAdapters>[] = []
afterEach(() => Promise.all(adapters.splice(0).map((one) => one.close())))

/** A store of several partitions: each is an embedded one, which has only one. */
const partitioned = async (counts: readonly number[]): Promise<EventStore> => {
  const stores = await Promise.all(
    counts.map(async (count, p) => {
      const opened = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) })
      adapters.push(opened)
      const { store } = await opened.portsFor('notes')
      for (let made = 0; made < count; made += 100) {
        const events = Array.from({ length: Math.min(100, count - made) }, (_, i) => ({
          id: `evt_${p}_${made + i}`,
          type: 'note.written',
          schema: 1,
          at: 1,
          data: {},
          meta: { actor: { type: 'system' as const, id: 'spec' } },
        }))
        await store.append({ tenant: 'ten_a', category: 'note', id: `n${made}` }, events, { expected: 0 })
      }
      return store
    }),
  )
  return {
    owned: (): readonly Position[] => stores.map((store, p) => ({ p, seq: store.owned()[0]?.seq ?? 0 })),
    onAppend: () => () => {},
    readAll: async ({ p, seq }: Position, limit: number) => {
      const events = await (stores[p] as EventStore).readAll({ p: 0, seq }, limit)
      return events.map((event) => ({ ...event, position: { p, seq: event.position.seq } }))
    },
  } as unknown as EventStore
}

/** A bus that says what is under way, and waits where it is told to. */
class WatchedBus extends Bus {
  readonly published: StoredEvent[] = []
  readonly underWay = new Set<number>()
  most = 0
  publications = 0
  before: (partitions: ReadonlySet<number>) => Promise<void> = async () => {}

  override async publish(events: readonly StoredEvent[]): Promise<void> {
    const partitions = new Set(events.map(({ position }) => position.p))
    for (const p of partitions) {
      if (this.underWay.has(p)) throw new Error(`two batches of partition ${p} at once`)
      this.underWay.add(p)
    }
    this.publications++
    this.most = Math.max(this.most, this.underWay.size)
    try {
      await this.before(partitions)
      this.published.push(...events)
    } finally {
      for (const p of partitions) this.underWay.delete(p)
    }
  }
  override subscribe(): never {
    throw new Error('nobody listens')
  }
  override heads = async () => []
  of(p: number): number[] {
    return this.published.filter(({ position }) => position.p === p).map(({ position }) => position.seq)
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

describe('the relay', () => {
  it('publishes several partitions side by side, and each in order', async () => {
    const bus = new WatchedBus()
    let release = (): void => {}
    const together = new Promise<void>((resolve) => (release = resolve))
    // Nobody gets through until as many are under way as may be: published one after the other, this would never end.
    bus.before = async () => {
      if (bus.underWay.size === publishAtOnce) release()
      await together
    }
    const counts = [1200, 700, 300, 101, 501, 500]
    const relay = new Relay('notes', await partitioned(counts), bus, log)
    await relay.start()
    await relay.close()
    expect(bus.most).toBe(publishAtOnce)
    expect(counts.map((_, p) => bus.of(p))).toEqual(counts.map(upTo))
  })

  it('publishes the few events of several partitions together', async () => {
    const bus = new WatchedBus()
    const counts = [3, 1, 0, 100, 7]
    const relay = new Relay('notes', await partitioned(counts), bus, log)
    await relay.start()
    await relay.close()
    expect(bus.publications).toBe(1)
    expect(counts.map((_, p) => bus.of(p))).toEqual(counts.map(upTo))
  })

  it('lets those that would go together with one that cannot be published go without it', async () => {
    const bus = new WatchedBus()
    const counts = [2, 2, 2]
    let whole = 0
    bus.before = async (partitions) => {
      if (!partitions.has(1)) return
      // The others are through before this one is.
      if (partitions.size === 1 && bus.of(0).length + bus.of(2).length === 4) return
      whole++
      throw new Error('the leader is away')
    }
    const relay = new Relay('notes', await partitioned(counts), bus, log)
    await relay.start()
    await relay.close()
    expect(whole).toBeGreaterThan(0)
    expect(counts.map((_, p) => bus.of(p))).toEqual(counts.map(upTo))
  })

  it('keeps the pace of the bus: what comes meanwhile goes along', async () => {
    const bus = new WatchedBus()
    Object.assign(bus, { pace: 200 })
    const store = await partitioned([1])
    let wake = (): void => {}
    let seq = 0
    const growing = {
      ...store,
      owned: () => (seq === 0 ? [] : [{ p: 0, seq }]),
      onAppend: (listener: () => void) => ((wake = listener), () => {}),
      readAll: async (after: Position) => Array.from({ length: seq - after.seq }, (_, i) => ({ position: { p: 0, seq: after.seq + i + 1 } })),
    } as unknown as EventStore
    const relay = new Relay('notes', growing, bus, log)
    await relay.start()
    for (seq = 1; seq <= 50; seq++) wake()
    seq = 50
    await until(() => bus.of(0).length === 50)
    await relay.close()
    expect(bus.of(0)).toEqual(upTo(50))
    expect(bus.publications).toBeLessThan(4)
  })

  it('lets events that nobody waits for wait for others, until one comes that somebody may wait for', async () => {
    const bus = new WatchedBus()
    Object.assign(bus, { pace: 1, unhurriedPace: 3_600_000 })
    const store = await partitioned([1])
    let wake: (hurry?: boolean) => void = () => {}
    let seq = 1
    const growing = {
      ...store,
      owned: () => [{ p: 0, seq }],
      onAppend: (listener: typeof wake) => ((wake = listener), () => {}),
      readAll: async (after: Position) => Array.from({ length: seq - after.seq }, (_, i) => ({ position: { p: 0, seq: after.seq + i + 1 } })),
    } as unknown as EventStore
    const relay = new Relay('notes', growing, bus, log)
    await relay.start()
    const begun = bus.publications
    for (seq = 2; seq < 5; seq++) {
      wake(false)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect(bus.publications).toBe(begun)
    wake()
    await until(() => bus.of(0).length === 5)
    expect(bus.publications).toBe(begun + 1)
    // The end does not wait either.
    seq = 6
    wake(false)
    await relay.close()
    expect(bus.of(0)).toEqual(upTo(6))
  })

  it('publishes what a partition has that comes to this copy while it keeps the pace', async () => {
    const bus = new WatchedBus()
    Object.assign(bus, { pace: 100 })
    const store = await partitioned([1, 3])
    let wake = (): void => {}
    let both = false
    const moving = {
      ...store,
      owned: () => store.owned().slice(0, both ? 2 : 1),
      onAppend: (listener: () => void) => ((wake = listener), () => {}),
    } as unknown as EventStore
    const relay = new Relay('notes', moving, bus, log)
    await relay.start()
    // This one waits for its time, and while it does the other partition comes; nobody writes anything afterwards.
    wake()
    await new Promise((resolve) => setImmediate(resolve))
    both = true
    wake()
    await until(() => bus.of(1).length === 3)
    await relay.close()
    expect([bus.of(0), bus.of(1)]).toEqual([upTo(1), upTo(3)])
  })

  it('lets no partition wait for one that cannot be published, and tries that one again', async () => {
    const bus = new WatchedBus()
    const counts = [2, 600, 2, 2, 2, 2, 2]
    let failures = 0
    bus.before = async (partitions) => {
      if (partitions.has(1) && failures < 2) {
        failures++
        throw new Error('the broker is away')
      }
    }
    const relay = new Relay('notes', await partitioned(counts), bus, log)
    await relay.start()
    await relay.close()
    expect(relay.lastError).toBeUndefined()
    expect(failures).toBe(2)
    expect(counts.map((_, p) => bus.of(p))).toEqual(counts.map(upTo))
  })
})
