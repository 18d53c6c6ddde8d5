/** What every bus must do. */
import type { Bus, BusBatch } from '../bus/bus.js'
import type { StoredEvent } from '../events/event-store.js'
import { until } from './until.js'

export interface BusUnderTest {
  readonly bus: Bus
  close(): Promise<void>
}

const event = (seq: number, more: Partial<StoredEvent> = {}): StoredEvent => ({
  id: `evt_${seq}`,
  type: 'thing.happened',
  schema: 1,
  context: 'identity',
  stream: { tenant: 'ten_a', category: 'thing', id: `thg_${seq % 3}` },
  version: Math.ceil(seq / 3),
  position: { p: 0, seq },
  at: 1_700_000_000_000 + seq,
  data: { seq },
  meta: { actor: { type: 'system', id: 'contract' } },
  ...more,
})
const events = (from: number, to: number, more: Partial<StoredEvent> = {}): StoredEvent[] =>
  Array.from({ length: to - from + 1 }, (_, i) => event(from + i, more))
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** Collects what a group gets. */
const collector = () => {
  const batches: BusBatch[] = []
  return {
    batches,
    seqs: (context = 'identity', p = 0): number[] =>
      batches.filter((batch) => batch.context === context && batch.p === p).flatMap((batch) => batch.events.map(({ position }) => position.seq)),
    handle: async (batch: BusBatch): Promise<void> => void batches.push(batch),
  }
}

export const busContract = (create: () => Promise<BusUnderTest>): void => {
  let under: BusUnderTest
  let bus: Bus
  beforeEach(async () => {
    under = await create()
    bus = under.bus
  })
  afterEach(() => under.close())

  describe('delivery', () => {
    test('what is published arrives whole and in order, with its history', async () => {
      await bus.publish(events(1, 20))
      const group = collector()
      await bus.subscribe({ group: 'g', contexts: ['identity'], handle: group.handle })
      await bus.publish(events(21, 40))
      await until(() => group.seqs().length === 40)
      expect(group.batches.flatMap((batch) => batch.events)).toEqual(events(1, 40))
      expect(group.batches.every(({ context, p }) => context === 'identity' && p === 0)).toBe(true)
    })

    test('a subscription made before anything was published gets everything', async () => {
      const group = collector()
      await bus.subscribe({ group: 'g', contexts: ['identity', 'admin'], handle: group.handle })
      await bus.publish([event(1), event(1, { context: 'admin' })])
      await until(() => group.batches.length === 2)
      expect(group.seqs('identity')).toEqual([1])
      expect(group.seqs('admin')).toEqual([1])
    })

    test('other contexts stay away', async () => {
      const group = collector()
      await bus.subscribe({ group: 'g', contexts: ['admin'], handle: group.handle })
      await bus.publish(events(1, 5))
      await bus.publish([event(1, { context: 'admin' })])
      await until(() => group.batches.length > 0)
      expect(group.seqs('identity')).toEqual([])
    })

    test('publishing the same records again is harmless', async () => {
      const group = collector()
      await bus.subscribe({ group: 'g', contexts: ['identity'], handle: group.handle })
      await bus.publish(events(1, 5))
      await bus.publish(events(1, 5))
      await bus.publish(events(4, 8))
      await until(() => group.seqs().includes(8))
      expect(group.seqs()).toEqual(range(1, 8))
      const late = collector()
      await bus.subscribe({ group: 'late', contexts: ['identity'], handle: late.handle })
      await until(() => late.seqs().includes(8))
      expect(late.seqs()).toEqual(range(1, 8))
    })

    test('a new group may begin with what is published from now on', async () => {
      await bus.publish(events(1, 5))
      const group = collector()
      await bus.subscribe({ group: 'new', contexts: ['identity', 'admin'], handle: group.handle, fromNow: true })
      await bus.publish(events(6, 8))
      await bus.publish([event(1, { context: 'admin' })])
      await until(() => group.seqs('identity').includes(8) && group.seqs('admin').length > 0)
      expect(group.seqs('identity')).toEqual([6, 7, 8])
      expect(group.seqs('admin')).toEqual([1])
    })

    test('the next batch of a partition waits until the one before is resolved', async () => {
      let running = 0
      let most = 0
      const seen: number[] = []
      await bus.subscribe({
        group: 'g',
        contexts: ['identity'],
        handle: async (batch) => {
          most = Math.max(most, ++running)
          await new Promise<void>((resolve) => setImmediate(resolve))
          seen.push(...batch.events.map(({ position }) => position.seq))
          running--
        },
      })
      for (let i = 1; i <= 30; i++) await bus.publish([event(i)])
      await until(() => seen.length === 30)
      expect(most).toBe(1)
      expect(seen).toEqual(range(1, 30))
    })

    test('partitions are delivered each in its order', async () => {
      const group = collector()
      await bus.subscribe({ group: 'g', contexts: ['identity'], handle: group.handle })
      await bus.publish([...events(1, 10), ...range(1, 10).map((seq) => event(seq, { position: { p: 7, seq } }))])
      await until(() => group.seqs('identity', 0).length + group.seqs('identity', 7).length === 20)
      expect(group.seqs('identity', 0)).toEqual(range(1, 10))
      expect(group.seqs('identity', 7)).toEqual(range(1, 10))
    })

    test('a long history comes in batches', async () => {
      for (let i = 0; i < 5; i++) await bus.publish(events(i * 500 + 1, i * 500 + 500))
      const group = collector()
      await bus.subscribe({ group: 'g', contexts: ['identity'], handle: group.handle })
      await until(() => group.seqs().length === 2_500)
      expect(group.seqs()).toEqual(range(1, 2_500))
      expect(Math.max(...group.batches.map((batch) => batch.events.length))).toBeLessThanOrEqual(500)
    })
  })

  describe('a rejected batch', () => {
    test('comes again, in order, to that group only', async () => {
      const good = collector()
      const seen: number[] = []
      let rejections = 3
      await bus.subscribe({ group: 'good', contexts: ['identity'], handle: good.handle })
      await bus.subscribe({
        group: 'bad',
        contexts: ['identity'],
        handle: async (batch) => {
          if (rejections-- > 0) throw new Error('not yet')
          seen.push(...batch.events.map(({ position }) => position.seq))
        },
      })
      await bus.publish(events(1, 3))
      await bus.publish(events(4, 6))
      await until(() => seen.length === 6)
      expect(seen).toEqual(range(1, 6))
      expect(good.seqs()).toEqual(range(1, 6))
    })

    test('holds nothing up for other groups and other contexts', async () => {
      const other = collector()
      await bus.subscribe({
        group: 'g',
        contexts: ['identity', 'admin'],
        handle: async (batch) => {
          if (batch.context === 'identity') throw new Error('never')
          await other.handle(batch)
        },
      })
      await bus.publish(events(1, 3))
      await bus.publish([event(1, { context: 'admin' })])
      await until(() => other.batches.length === 1)
    })

    test('stays undelivered when the consumer stops, and comes to the next one of the group', async () => {
      let tries = 0
      const stop = await bus.subscribe({
        group: 'g',
        contexts: ['identity'],
        handle: async () => {
          tries++
          throw new Error('not by me')
        },
      })
      await bus.publish(events(1, 3))
      await until(() => tries > 0)
      await stop()
      const next = collector()
      await bus.subscribe({ group: 'g', contexts: ['identity'], handle: next.handle })
      await until(() => next.batches.length > 0)
      expect(next.seqs()).toEqual([1, 2, 3])
    })
  })

  describe('groups', () => {
    test('every group gets every event', async () => {
      const groups = Array.from({ length: 5 }, collector)
      for (const [i, group] of groups.entries()) await bus.subscribe({ group: `g${i}`, contexts: ['identity'], handle: group.handle })
      await bus.publish(events(1, 50))
      await until(() => groups.every((group) => group.seqs().length === 50))
      for (const group of groups) expect(group.seqs()).toEqual(range(1, 50))
    })

    test('consumers of one group share the work', async () => {
      const [one, two] = [collector(), collector()]
      await bus.subscribe({ group: 'g', contexts: ['identity'], handle: one.handle })
      await bus.subscribe({ group: 'g', contexts: ['identity'], handle: two.handle })
      for (let i = 1; i <= 40; i++) await bus.publish([event(i)])
      await until(() => one.seqs().length + two.seqs().length >= 40)
      expect([...one.seqs(), ...two.seqs()].toSorted((a, b) => a - b)).toEqual(range(1, 40))
    })

    test('a group goes on after what it has resolved', async () => {
      const first = collector()
      const stop = await bus.subscribe({ group: 'g', contexts: ['identity'], handle: first.handle })
      await bus.publish(events(1, 10))
      await until(() => first.seqs().length === 10)
      await stop()
      await bus.publish(events(11, 15))
      const second = collector()
      await bus.subscribe({ group: 'g', contexts: ['identity'], handle: second.handle })
      await until(() => second.seqs().includes(15))
      expect(second.seqs().filter((seq) => seq > 10)).toEqual(range(11, 15))
      expect(first.seqs()).toEqual(range(1, 10))
    })

    test('a group that knows where it stands starts there, forwards or backwards', async () => {
      await bus.publish(events(1, 20))
      for (const [from, expected] of [
        [15, range(16, 20)],
        [0, range(1, 20)],
        [undefined, range(1, 20)],
      ] as const) {
        const group = collector()
        const stop = await bus.subscribe({
          group: `g${from}`,
          contexts: ['identity'],
          handle: group.handle,
          from: async (context, p) => (context === 'identity' && p === 0 ? from : undefined),
        })
        await until(() => group.seqs().includes(20))
        expect(group.seqs()).toEqual(expected)
        await stop()
      }
    })

    test('stopping waits for the running batch and ends the delivery', async () => {
      let finish: (() => void) | undefined
      const done: number[] = []
      const stop = await bus.subscribe({
        group: 'g',
        contexts: ['identity'],
        handle: async (batch) => {
          await new Promise<void>((resolve) => (finish = resolve))
          done.push(batch.events.length)
        },
      })
      await bus.publish([event(1)])
      await until(() => finish !== undefined)
      let stopped = false
      const stopping = stop().then(() => (stopped = true))
      await new Promise<void>((resolve) => setImmediate(resolve))
      expect(stopped).toBe(false)
      finish?.()
      await stopping
      expect(done).toEqual([1])
      await bus.publish([event(2)])
      await new Promise<void>((resolve) => setImmediate(resolve))
      expect(done).toEqual([1])
    })
  })

  describe('heads', () => {
    test('a context without records has none', async () => {
      expect(await bus.heads('identity')).toEqual([])
    })

    test('the last position of each partition', async () => {
      await bus.publish([...events(1, 4), event(9, { position: { p: 3, seq: 9 } }), event(2, { context: 'admin' })])
      expect((await bus.heads('identity')).toSorted((a, b) => a.p - b.p)).toEqual([
        { p: 0, seq: 4 },
        { p: 3, seq: 9 },
      ])
    })
  })

  test('tenants with equal ids travel apart, and names such as __proto__ are names', async () => {
    const group = collector()
    await bus.subscribe({ group: '__proto__', contexts: ['constructor'], handle: group.handle })
    const both = ['ten_a', 'ten_b'].map((tenant, i) => event(i + 1, { context: 'constructor', stream: { tenant, category: 'user', id: 'usr_1' } }))
    await bus.publish(both)
    await until(() => group.seqs('constructor').length === 2)
    expect(group.batches.flatMap((batch) => batch.events)).toEqual(both)
  })
}
