/** What every event store must do. An adapter's spec says how to make one and calls this. */
import { everywhere, release, releaseAll, take, takeEverywhere, type ClaimChange, type StreamId } from '@pavan/kernel'
import { ClaimTaken, VersionConflict, type EventStore, type NewEvent, type StoredEvent } from '../events/event-store.js'
import { until } from './until.js'

export interface EventStoreUnderTest {
  readonly store: EventStore
  /** The context that the store writes into every event. */
  readonly context: string
  close(): Promise<void>
}

let made = 0
const event = (data: unknown = {}, more: Partial<NewEvent> = {}): NewEvent => ({
  id: `evt_${++made}`,
  type: 'thing.happened',
  schema: 1,
  at: 1_700_000_000_000,
  data,
  meta: { actor: { type: 'system', id: 'contract' } },
  ...more,
})
const user = (id: string, tenant = 'ten_a'): StreamId => ({ tenant, category: 'user', id })
const start = { p: 0, seq: 0 }

/** Everything in the store, page by page. */
const all = async (store: EventStore, page = 500): Promise<StoredEvent[]> => {
  const events: StoredEvent[] = []
  let after = start
  for (;;) {
    const next = await store.readAll(after, page)
    if (next.length === 0) return events
    events.push(...next)
    after = next.at(-1)!.position
  }
}

const outcomes = async (attempts: readonly Promise<unknown>[]): Promise<{ won: number; lost: unknown[] }> => {
  const settled = await Promise.allSettled(attempts)
  return {
    won: settled.filter(({ status }) => status === 'fulfilled').length,
    lost: settled.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : [])),
  }
}

export const eventStoreContract = (create: () => Promise<EventStoreUnderTest>): void => {
  let under: EventStoreUnderTest
  let store: EventStore
  beforeEach(async () => {
    under = await create()
    store = under.store
  })
  afterEach(() => under.close())

  describe('append and read', () => {
    test('an unknown stream has no events', async () => {
      expect(await store.read(user('nobody'))).toEqual([])
      expect(await store.readAll(start, 10)).toEqual([])
    })

    test('what is appended is read back whole, with context, stream, version and position', async () => {
      const full = event(
        { text: 'ü 😀 \u0000 "', nested: { list: [1, null, true] } },
        {
          subject: 'usr_1',
          personal: 'p.cipher',
          secret: 's.cipher',
          origin: 'o.cipher',
          meta: { actor: { type: 'user', id: 'usr_1' }, commandId: 'cmd_1', reason: 'why' },
        },
      )
      const result = await store.append(user('usr_1'), [full], { expected: 0 })
      expect(result).toEqual({ version: 1, position: { p: expect.any(Number), seq: expect.any(Number) }, repeated: false })
      const expected = { ...full, context: under.context, stream: user('usr_1'), version: 1, position: result.position }
      expect(await store.read(user('usr_1'))).toEqual([expected])
      expect(await all(store)).toEqual([expected])
    })

    test('a property named __proto__ is data like any other', async () => {
      const data: unknown = JSON.parse('{"__proto__": {"admin": true}, "constructor": 1}')
      await store.append(user('usr_1'), [event(data)], { expected: 0 })
      const [read] = await store.read(user('usr_1'))
      expect(JSON.stringify(read?.data)).toBe('{"__proto__":{"admin":true},"constructor":1}')
      expect((read?.data as { admin?: boolean }).admin).toBeUndefined()
    })

    test('versions of a stream begin at 1 and have no gaps; reading may begin anywhere', async () => {
      await store.append(user('usr_1'), [event('a'), event('b'), event('c')], { expected: 0 })
      expect((await store.append(user('usr_1'), [event('d')], { expected: 3 })).version).toBe(4)
      expect((await store.read(user('usr_1'))).map(({ version, data }) => [version, data])).toEqual([
        [1, 'a'],
        [2, 'b'],
        [3, 'c'],
        [4, 'd'],
      ])
      expect((await store.read(user('usr_1'), 3)).map(({ data }) => data)).toEqual(['c', 'd'])
      expect(await store.read(user('usr_1'), 5)).toEqual([])
    })

    test('a commit has 1 to 1,000 events', async () => {
      await expect(store.append(user('none'), [], { expected: 0 })).rejects.toThrow(RangeError)
      await expect(
        store.append(
          user('many'),
          Array.from({ length: 1_001 }, () => event()),
          { expected: 0 },
        ),
      ).rejects.toThrow(RangeError)
      expect(
        (
          await store.append(
            user('most'),
            Array.from({ length: 1_000 }, (_, i) => event(i)),
            { expected: 0 },
          )
        ).version,
      ).toBe(1_000)
      expect((await store.read(user('most'))).map(({ data }) => data)).toEqual(Array.from({ length: 1_000 }, (_, i) => i))
    })

    test('a big commit is read back whole', async () => {
      const big = 'x'.repeat(50_000)
      await store.append(
        user('big'),
        Array.from({ length: 40 }, () => event(big)),
        { expected: 0 },
      )
      expect((await store.read(user('big'))).every(({ data }) => data === big)).toBe(true)
    })

    test('ids with any character name their own stream', async () => {
      const ids = ['a', 'A', 'ä', 'a\u0308', 'a/b', 'a%', '', '__proto__', "'; DROP TABLE commits; --", '*']
      for (const id of ids) await store.append(user(id), [event(id)], { expected: 0 })
      for (const id of ids) {
        const read = await store.read(user(id))
        expect(read.map(({ data, stream }) => [data, stream])).toEqual([[id, user(id)]])
      }
    })
  })

  describe('the expected version is exact', () => {
    test.each([
      [0, 1],
      [0, 2],
      [2, 0],
      [2, 1],
      [2, 3],
    ])('given %i events, when appending at %i, then it conflicts and writes nothing', async (length, expected) => {
      if (length > 0)
        await store.append(
          user('usr_1'),
          Array.from({ length }, () => event()),
          { expected: 0 },
        )
      const conflict = store.append(user('usr_1'), [event()], { expected })
      await expect(conflict).rejects.toThrow(VersionConflict)
      await expect(conflict).rejects.toMatchObject({ expected, actual: length })
      expect(await store.read(user('usr_1'))).toHaveLength(length)
    })

    test('of 64 parallel appends at one version exactly one wins', async () => {
      const { won, lost } = await outcomes(Array.from({ length: 64 }, (_, i) => store.append(user('usr_1'), [event(i)], { expected: 0 })))
      expect(won).toBe(1)
      expect(lost.every((error) => error instanceof VersionConflict)).toBe(true)
      expect(await store.read(user('usr_1'))).toHaveLength(1)
    })

    test('an append that fails hurts none that travels with it', async () => {
      await store.append(user('old'), [event()], { expected: 0 })
      const attempts = Array.from({ length: 40 }, (_, i) =>
        i % 4 === 0 ? store.append(user('old'), [event()], { expected: 0 }) : store.append(user(`new-${i}`), [event()], { expected: 0 }),
      )
      expect((await outcomes(attempts)).won).toBe(30)
      expect(await all(store)).toHaveLength(31)
    })
  })

  describe('claims', () => {
    const email = (value: string): ClaimChange[] => [take('email', value)]

    test('a value belongs to the stream that took it', async () => {
      expect(await store.claimOwner('ten_a', 'email', 'a@b')).toBeUndefined()
      await store.append(user('usr_1'), [event()], { expected: 0, claims: email('a@b') })
      expect(await store.claimOwner('ten_a', 'email', 'a@b')).toEqual(user('usr_1'))
      expect(await store.claimOwner('ten_a', 'phone', 'a@b')).toBeUndefined()
      expect(await store.claimOwner('ten_a', 'email', 'A@b')).toBeUndefined()
    })

    test('a taken value refuses the whole commit; its error names the claim and not the value', async () => {
      await store.append(user('usr_1'), [event()], { expected: 0, claims: email('a@b') })
      const refused = store.append(user('usr_2'), [event()], { expected: 0, claims: [take('phone', '1'), ...email('a@b')] })
      await expect(refused).rejects.toThrow(ClaimTaken)
      await expect(refused).rejects.toMatchObject({ claim: 'email', message: expect.not.stringContaining('a@b') })
      expect(await store.read(user('usr_2'))).toEqual([])
      expect(await store.claimOwner('ten_a', 'phone', '1')).toBeUndefined()
    })

    test('of 64 parallel commits that take one value exactly one wins', async () => {
      const attempts = Array.from({ length: 64 }, (_, i) => store.append(user(`usr_${i}`), [event()], { expected: 0, claims: email('a@b') }))
      const { won, lost } = await outcomes(attempts)
      expect(won).toBe(1)
      expect(lost.every((error) => error instanceof ClaimTaken)).toBe(true)
      const events = await all(store)
      expect(events).toHaveLength(1)
      expect(await store.claimOwner('ten_a', 'email', 'a@b')).toEqual(events[0]?.stream)
    })

    test('a version conflict takes no value and comes before a taken one', async () => {
      await store.append(user('usr_1'), [event()], { expected: 0, claims: email('a@b') })
      await expect(store.append(user('usr_2'), [event()], { expected: 5, claims: [take('phone', '1')] })).rejects.toThrow(VersionConflict)
      expect(await store.claimOwner('ten_a', 'phone', '1')).toBeUndefined()
      await expect(store.append(user('usr_2'), [event()], { expected: 5, claims: email('a@b') })).rejects.toThrow(VersionConflict)
    })

    test('a stream may take again what it has, give it back, and another may take it then', async () => {
      await store.append(user('usr_1'), [event()], { expected: 0, claims: email('a@b') })
      await store.append(user('usr_1'), [event()], { expected: 1, claims: email('a@b') })
      await store.append(user('usr_1'), [event()], { expected: 2, claims: [release('email', 'a@b'), take('email', 'c@d')] })
      await store.append(user('usr_2'), [event()], { expected: 0, claims: email('a@b') })
      expect(await store.claimOwner('ten_a', 'email', 'a@b')).toEqual(user('usr_2'))
      expect(await store.claimOwner('ten_a', 'email', 'c@d')).toEqual(user('usr_1'))
    })

    test('nobody gives back what another holds', async () => {
      await store.append(user('usr_1'), [event()], { expected: 0, claims: email('a@b') })
      await store.append(user('usr_2'), [event()], { expected: 0, claims: [release('email', 'a@b'), releaseAll()] })
      expect(await store.claimOwner('ten_a', 'email', 'a@b')).toEqual(user('usr_1'))
    })

    test('a stream can give back everything without naming it', async () => {
      await store.append(user('usr_1'), [event()], { expected: 0, claims: [take('email', 'a@b'), take('phone', '1')] })
      await store.append(user('usr_1'), [event()], { expected: 1, claims: [releaseAll()] })
      expect(await store.claimOwner('ten_a', 'email', 'a@b')).toBeUndefined()
      await store.append(user('usr_2'), [event()], { expected: 0, claims: [take('email', 'a@b'), take('phone', '1')] })
    })

    test('a value of the whole installation is taken once whatever the tenant', async () => {
      const tenant = (id: string): StreamId => ({ tenant: id, category: 'tenant', id })
      await store.append(tenant('ten_a'), [event()], { expected: 0, claims: [takeEverywhere('slug', 'shop')] })
      await expect(store.append(tenant('ten_b'), [event()], { expected: 0, claims: [takeEverywhere('slug', 'shop')] })).rejects.toThrow(ClaimTaken)
      expect(await store.claimOwner(everywhere, 'slug', 'shop')).toEqual(tenant('ten_a'))
      expect(await store.claimOwner('ten_a', 'slug', 'shop')).toBeUndefined()
    })
  })

  describe('a command applies once', () => {
    test('the same command id again writes nothing and answers the first result', async () => {
      const first = await store.append(user('usr_1'), [event('a'), event('b')], { expected: 0, commandId: 'cmd_1' })
      await store.append(user('usr_1'), [event('c')], { expected: 2, commandId: 'cmd_2' })
      for (const expected of [0, 2, 3, 9])
        expect(await store.append(user('usr_1'), [event('x')], { expected, commandId: 'cmd_1' })).toEqual({ ...first, repeated: true })
      expect((await store.read(user('usr_1'))).map(({ data }) => data)).toEqual(['a', 'b', 'c'])
    })

    test('a repeated command neither takes nor gives back anything', async () => {
      await store.append(user('usr_1'), [event()], { expected: 0, commandId: 'cmd_1', claims: [take('email', 'a@b')] })
      await store.append(user('usr_1'), [event()], { expected: 1, claims: [release('email', 'a@b')] })
      await store.append(user('usr_1'), [event()], { expected: 0, commandId: 'cmd_1', claims: [take('email', 'a@b')] })
      expect(await store.claimOwner('ten_a', 'email', 'a@b')).toBeUndefined()
    })

    test('20 parallel sendings of one command write once and all get the same answer', async () => {
      const results = await Promise.all(Array.from({ length: 20 }, () => store.append(user('usr_1'), [event()], { expected: 0, commandId: 'cmd_1' })))
      expect(results.filter(({ repeated }) => !repeated)).toHaveLength(1)
      expect(new Set(results.map(({ version, position }) => `${version}/${position!.seq}`)).size).toBe(1)
      expect(await store.read(user('usr_1'))).toHaveLength(1)
    })

    test('a command that failed may be sent again', async () => {
      await expect(store.append(user('usr_1'), [event()], { expected: 3, commandId: 'cmd_1' })).rejects.toThrow(VersionConflict)
      expect((await store.append(user('usr_1'), [event()], { expected: 0, commandId: 'cmd_1' })).repeated).toBe(false)
    })

    test('the same command id on another stream is another command', async () => {
      await store.append(user('usr_1'), [event()], { expected: 0, commandId: 'cmd_1' })
      expect((await store.append(user('usr_2'), [event()], { expected: 0, commandId: 'cmd_1' })).repeated).toBe(false)
    })
  })

  describe('the log of a context', () => {
    test('positions are dense, and pages of any size give the same order', async () => {
      for (let i = 0; i < 12; i++)
        await store.append(
          user(`usr_${i % 3}`),
          Array.from({ length: 1 + (i % 4) }, () => event()),
          { expected: (await store.read(user(`usr_${i % 3}`))).length },
        )
      const events = await all(store)
      expect(events.map(({ position }) => position.seq)).toEqual(events.map((_, i) => i + 1))
      for (const page of [1, 2, 3, 7]) expect((await all(store, page)).map(({ id }) => id)).toEqual(events.map(({ id }) => id))
    })

    test('the position of a commit is that of its last event', async () => {
      const { position } = await store.append(user('usr_1'), [event(), event(), event()], { expected: 0 })
      expect((await all(store)).at(-1)?.position).toEqual(position)
    })

    test('who saw a position never later finds something before it, while 16 writers append', async () => {
      let writing = true
      const writers = Promise.all(
        Array.from({ length: 16 }, async (_, w) => {
          for (let i = 0; i < 25; i++) await store.append(user(`usr_${w}`), [event(), event()], { expected: i * 2 })
        }),
      ).finally(() => (writing = false))
      const seen: StoredEvent[] = []
      while (writing || (await store.readAll(seen.at(-1)?.position ?? start, 1)).length > 0) {
        seen.push(...(await store.readAll(seen.at(-1)?.position ?? start, 30)))
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      await writers
      expect(seen.map(({ id }) => id)).toEqual((await all(store)).map(({ id }) => id))
      expect(seen).toHaveLength(800)
      for (let w = 0; w < 16; w++)
        expect(seen.filter(({ stream }) => stream.id === `usr_${w}`).map(({ version }) => version)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    })

    test('what a caller was told is readable at once', async () => {
      for (let i = 0; i < 20; i++) {
        const { position } = await store.append(user('usr_1'), [event(i)], { expected: i })
        expect((await store.read(user('usr_1'))).length).toBe(i + 1)
        expect((await store.readAll({ p: position!.p, seq: position!.seq - 1 }, 5)).map(({ data }) => data)).toEqual([i])
      }
    })

    test('what nobody waits for is stored when it is answered, has its place in the stream and comes to the log by itself', async () => {
      const first = await store.append(user('usr_1'), [event(1)], { expected: 0, unhurried: true })
      expect(first).toMatchObject({ version: 1, repeated: false })
      await store.append(user('usr_1'), [event(2), event(3)], { expected: 1, unhurried: true })
      await expect(store.append(user('usr_1'), [event()], { expected: 1, unhurried: true })).rejects.toThrow(VersionConflict)
      // One that somebody waits for comes behind those before it on its stream, and is told its place at once.
      const { position } = await store.append(user('usr_1'), [event(4)], { expected: 3 })
      expect((await all(store)).map(({ data, position: { seq } }) => [data, seq])).toEqual([1, 2, 3, 4].map((i) => [i, i]))
      expect(position).toEqual({ p: 0, seq: 4 })
      await store.append(user('usr_2'), [event(5)], { expected: 0, unhurried: true })
      expect((await store.read(user('usr_2'))).map(({ position: { seq } }) => seq)).toEqual([5])
      await store.append(user('usr_3'), [event(6)], { expected: 0, unhurried: true })
      await until(async () => (await all(store)).length === 6)
    })

    test('whoever is alone publishes everything, up to the last event', async () => {
      await until(() => store.owned().length > 0)
      await store.append(user('usr_1'), [event(), event()], { expected: 0 })
      const { position } = await store.append(user('usr_2'), [event()], { expected: 0 })
      expect(store.owned()).toContainEqual(position)
    })

    test('listeners are woken after a commit, until they stop', async () => {
      let woken = 0
      const stop = store.onAppend(() => woken++)
      await store.append(user('usr_1'), [event()], { expected: 0 })
      await until(() => woken > 0)
      stop()
      const before = woken
      await store.append(user('usr_2'), [event()], { expected: 0 })
      await new Promise<void>((resolve) => setImmediate(resolve))
      expect(woken).toBe(before)
    })
  })

  describe('tenants never meet', () => {
    test('equal ids, equal commands and equal claims of two tenants are independent', async () => {
      for (const tenant of ['ten_a', 'ten_b'])
        expect(await store.append(user('usr_1', tenant), [event(tenant)], { expected: 0, commandId: 'cmd_1', claims: [take('email', 'a@b')] })).toMatchObject({
          version: 1,
          repeated: false,
        })
      for (const tenant of ['ten_a', 'ten_b']) {
        expect((await store.read(user('usr_1', tenant))).map(({ data }) => data)).toEqual([tenant])
        expect(await store.claimOwner(tenant, 'email', 'a@b')).toEqual(user('usr_1', tenant))
      }
      await store.append(user('usr_1', 'ten_a'), [event()], { expected: 1, claims: [releaseAll()] })
      expect(await store.claimOwner('ten_b', 'email', 'a@b')).toEqual(user('usr_1', 'ten_b'))
    })

    test('parts of a stream name and of a claim cannot be shifted between each other', async () => {
      await expect(store.append({ tenant: 'ten_a/user', category: 'x', id: 'y' }, [event()], { expected: 0 })).rejects.toThrow(TypeError)
      await store.append(user('usr_1'), [event()], { expected: 0, claims: [take('email', 'x|y')] })
      expect(await store.claimOwner('ten_a', 'email|x', 'y')).toBeUndefined()
      expect(await store.claimOwner('ten_a|email', 'x', 'y')).toBeUndefined()
    })
  })
}
