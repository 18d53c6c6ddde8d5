import { createServer } from 'node:net'
// @ts-expect-error kafkajs declares no types for its inside.
import KafkaConnection from 'kafkajs/src/network/connection.js'
import { Kafka, logLevel, type Admin, type Producer } from 'kafkajs'
import { FallenBehind, type BusBatch } from '@pavan/platform/bus/bus.js'
import { until } from '@pavan/platform/testing/until.js'
import { encode } from './cloud-event.js'
import { kafkaBus, migrateTopics, type KafkaAdapters, type KafkaOptions } from './index.js'
import { useBroker } from './testing/broker.js'
import { event, events, recordingLog } from './testing/events.js'

const options = useBroker()
let given: KafkaOptions
let admin: Admin
let producer: Producer
const open: { close(): Promise<unknown> }[] = []
const newBus = (more: Partial<KafkaOptions> = {}): KafkaAdapters => {
  const bus = kafkaBus({ ...given, ...more })
  open.push(bus)
  return bus
}
/** A group's deliveries. */
const collect = async (bus: KafkaAdapters, group: string, from?: (p: number) => number) => {
  const seqs: number[] = []
  const stop = await bus.bus.subscribe({
    group,
    contexts: ['identity'],
    handle: async (batch: BusBatch) => void seqs.push(...batch.events.map(({ position }) => position.seq)),
    ...(from && { from: async (_: string, p: number) => from(p) }),
  })
  return { seqs, stop }
}
const topic = () => `${given.prefix}.identity.v1`
const settings = async () => {
  const { resources } = await admin.describeConfigs({ resources: [{ type: 2, name: topic() }], includeSynonyms: false })
  return Object.fromEntries(resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]))
}
/** What a broker is told of settings it knows a moment later. */
const showing = (expected: Record<string, string>) =>
  until(async () => {
    const now = await settings()
    return Object.entries(expected).every(([name, value]) => now[name] === value)
  })
const change = async (to: Record<string, string>) => {
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: 2, name: topic(), configEntries: Object.entries(to).map(([name, value]) => ({ name, value })) }],
  })
  await showing(to)
}
/** Writes to the topic past the adapter. */
const raw = (...values: (string | null)[]) => producer.send({ topic: topic(), messages: values.map((value) => ({ value, partition: 0 })) })

beforeEach(async () => {
  given = options()
  const kafka = new Kafka({ brokers: [...given.brokers], logLevel: logLevel.NOTHING })
  admin = kafka.admin()
  producer = kafka.producer({ allowAutoTopicCreation: false })
  await Promise.all([admin.connect(), producer.connect()])
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
  await Promise.all([admin.disconnect(), producer.disconnect()])
})

describe('topics', () => {
  test('the migration makes them, keeps everything for ever, and is harmless when it runs again', async () => {
    expect(await migrateTopics(given, ['identity', 'admin'], 4)).toEqual({ created: [`${given.prefix}.identity.v1`, `${given.prefix}.admin.v1`], changed: [] })
    await showing({
      'retention.ms': '-1',
      'cleanup.policy': 'delete',
      'min.insync.replicas': '1',
      'compression.type': 'producer',
    })
    expect(await migrateTopics(given, ['identity', 'admin'], 4)).toEqual({ created: [], changed: [] })
  })

  test('settings that were changed are set back, and those of the operator stay', async () => {
    await migrateTopics(given, ['identity'], 1)
    await change({ 'retention.ms': '1000', 'segment.ms': '86400000' })
    expect(await migrateTopics(given, ['identity', 'admin'], 1)).toEqual({ created: [`${given.prefix}.admin.v1`], changed: [topic()] })
    await showing({ 'retention.ms': '-1', 'segment.ms': '86400000' })
  })

  test('another number of partitions is refused, because it would tear streams apart', async () => {
    await migrateTopics(given, ['identity'], 2)
    await expect(migrateTopics(given, ['identity', 'admin'], 4)).rejects.toThrow('has 2 partitions and should have 4')
    expect(await admin.listTopics()).not.toContain(`${given.prefix}.admin.v1`)
  })

  test('a subscription that came before the topic gets its events when it is there', async () => {
    const { log, lines } = recordingLog()
    const bus = newBus({ log })
    const early = collect(bus, 'early')
    await until(() => lines.some((line) => line.startsWith('a topic is missing')))
    await migrateTopics(given, ['identity'], 1)
    await bus.bus.publish(events(1, 3))
    const { seqs } = await early
    await until(() => seqs.length === 3)
  })
})

describe('records', () => {
  beforeEach(() => migrateTopics(given, ['identity'], 1))

  test('a corrupt record is passed over, said, and holds nothing up', async () => {
    const { log, lines } = recordingLog()
    const bus = newBus({ log })
    await bus.bus.publish(events(1, 2))
    await raw('not JSON', null, '{"specversion":"1.0"}', encode(event(3, { context: 'admin' })).value, encode(event(3, { position: { p: 9, seq: 3 } })).value)
    await bus.bus.publish(events(3, 4))
    const { seqs } = await collect(bus, 'g')
    await until(() => seqs.length === 4)
    expect(seqs).toEqual([1, 2, 3, 4])
    expect(lines.filter((line) => line === 'a record is no event of ours and was passed over')).toHaveLength(5)
    expect(await bus.bus.heads('identity')).toEqual([{ p: 0, seq: 4 }])
  })

  test('a corrupt record at the end hides the head from nobody', async () => {
    await newBus().bus.publish(events(1, 5))
    await raw('not JSON', 'neither')
    expect(await newBus().bus.heads('identity')).toEqual([{ p: 0, seq: 5 }])
  })

  test('a gap is said, and what came is delivered', async () => {
    const { log, lines } = recordingLog()
    const bus = newBus({ log })
    await bus.bus.publish([event(1), event(2), event(5)])
    const { seqs } = await collect(bus, 'g')
    await until(() => seqs.length === 3)
    expect(lines).toEqual([expect.stringContaining('events are missing on the topic')])
  })

  test('an event of an unknown type and a newer schema is delivered as it is', async () => {
    const bus = newBus()
    const invented = event(1, { type: 'invented.tomorrow', schema: 99, data: { anything: [1] } })
    const seen: unknown[] = []
    await bus.bus.subscribe({ group: 'g', contexts: ['identity'], handle: async (batch) => void seen.push(...batch.events) })
    await bus.bus.publish([invented])
    await until(() => seen.length > 0)
    expect(seen).toEqual([invented])
  })

  test.each(['gzip', 'none'] as const)('more than a broker takes at once is sent in pieces, and so is one large event (%s)', async (compression) => {
    const bus = newBus({ compression })
    const large = (seq: number, size: number) => event(seq, { data: { text: Buffer.alloc(size, `${seq}-`).toString() } })
    await bus.bus.publish([...Array.from({ length: 40 }, (_, i) => large(i + 1, 100_000)), large(41, 3_000_000)])
    const { seqs } = await collect(bus, 'g')
    await until(() => seqs.length === 41)
    expect(seqs).toEqual(Array.from({ length: 41 }, (_, i) => i + 1))
  })
})

describe('a group', () => {
  beforeEach(() => migrateTopics(given, ['identity'], 1))

  test('starts where it says, among repetitions and whatever Kafka remembers of it', async () => {
    const bus = newBus()
    for (const [from, to] of [
      [1, 6],
      [4, 9],
      [2, 9],
      [10, 12],
    ] as const)
      await bus.bus.publish(events(from, to))
    for (const from of [12, 0, 7, 3]) {
      const { seqs, stop } = await collect(bus, 'same', () => from)
      const expected = Array.from({ length: 12 - from }, (_, i) => from + 1 + i)
      await until(() => seqs.length >= expected.length)
      expect(seqs).toEqual(expected)
      await stop()
    }
  })

  test('that is ahead of a topic made anew waits for what is new to it', async () => {
    const bus = newBus()
    await bus.bus.publish(events(1, 3))
    const { seqs } = await collect(bus, 'ahead', () => 5)
    await bus.bus.publish(events(4, 8))
    await until(() => seqs.includes(8))
    expect(seqs).toEqual([6, 7, 8])
  })

  test.each([
    ['that knows its place', () => 0],
    ['that does not', undefined],
  ])('%s leaves behind how far it is, with the sequence number', async (_, from) => {
    const bus = newBus()
    await bus.bus.publish(events(1, 7))
    await bus.bus.publish(events(5, 9))
    const { seqs, stop } = await collect(bus, 'g', from)
    await until(() => seqs.length === 9)
    await stop()
    const [noted] = await admin.fetchOffsets({ groupId: `${given.prefix}.g`, topics: [topic()] })
    expect(noted!.partitions).toEqual([{ partition: 0, offset: '12', metadata: '9' }])
  })

  test('that has lost what it had done gets it again, and what comes after it', async () => {
    const bus = newBus()
    await bus.bus.publish(events(1, 6))
    const batches: { readonly after: number | undefined; readonly seqs: readonly number[] }[] = []
    let lost = false
    await bus.bus.subscribe({
      group: 'lost',
      contexts: ['identity'],
      from: async () => 0,
      handle: async (batch: BusBatch) => {
        const seqs = batch.events.map(({ position }) => position.seq)
        if (!lost && seqs.includes(7)) {
          lost = true
          throw new FallenBehind(2, batch)
        }
        batches.push({ after: batch.after, seqs })
      },
    })
    const got = () => batches.flatMap(({ seqs }) => seqs)
    await until(() => got().includes(6))
    await bus.bus.publish(events(7, 8))
    await until(() => got().includes(8))
    expect(got()).toEqual([1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 7, 8])
    expect(batches.every(({ after, seqs }) => after === (seqs[0] as number) - 1)).toBe(true)
  })

  test('whose place cannot be read yet gets nothing, and everything afterwards', async () => {
    const bus = newBus()
    await bus.bus.publish(events(1, 3))
    let asked = 0
    const { seqs } = await collect(bus, 'slow', () => {
      if (++asked < 3) throw new Error('the database is away')
      return 1
    })
    await until(() => seqs.length === 2)
    expect(seqs).toEqual([2, 3])
  })
})

describe('groups of one process', () => {
  beforeEach(() => migrateTopics(given, ['identity'], 2))

  /** Fetches that go to a broker. */
  const fetches = () => {
    const send = jest.spyOn(KafkaConnection.prototype as { send(request: { request?: { apiName?: string } }): Promise<unknown> }, 'send')
    return { count: () => send.mock.calls.filter(([{ request }]) => request?.apiName === 'Fetch').length, end: () => send.mockRestore() }
  }
  test('share one reader, and each gets everything in order', async () => {
    const bus = newBus()
    const groups = await Promise.all(Array.from({ length: 12 }, (_, i) => collect(bus, `g${i}`, () => 0)))
    const seen = fetches()
    let last = 0
    try {
      // Until the reader has taken over, each group asks for itself: twelve fetches for each event, and more. Then it is one for all, and now and then one that waited.
      await until(async () => {
        const before = seen.count()
        for (const end = last + 20; last < end;) {
          await bus.bus.publish([event(++last)])
          await until(() => groups.every(({ seqs }) => seqs.length === last))
        }
        return seen.count() - before < 40
      })
      for (const { seqs } of groups) expect(seqs).toEqual(Array.from({ length: last }, (_, i) => i + 1))
    } finally {
      seen.end()
    }
  })

  test('what concerns a group in nothing comes along with what does', async () => {
    const bus = newBus()
    const batches: number[][] = []
    const stop = await bus.bus.subscribe({
      group: 'picky',
      contexts: ['identity'],
      concerns: ({ type }) => type === 'wanted.event',
      from: async () => 0,
      handle: async ({ events: some }) => void batches.push(some.map(({ position }) => position.seq)),
    })
    let last = 0
    let together = 0
    // While the group asks for itself it gets each event as it comes. Three times in a row is no accident.
    await until(async () => {
      batches.length = 0
      for (let i = 0; i < 5; i++) await bus.bus.publish([event(++last)])
      await bus.bus.publish([event(++last, { type: 'wanted.event' })])
      await until(() => batches.flat().includes(last))
      together = batches.length === 1 ? together + 1 : 0
      return together === 3
    })
    expect(batches).toEqual([Array.from({ length: 6 }, (_, i) => last - 5 + i)])
    // Alone it comes as well, if later.
    await bus.bus.publish([event(++last)])
    await until(() => batches.flat().includes(last))
    await stop()
  })

  test('one that fails again and again holds up none of the others', async () => {
    const bus = newBus()
    let failing = true
    const tried: number[] = []
    await bus.bus.subscribe({
      group: 'failing',
      contexts: ['identity'],
      from: async () => 0,
      handle: async ({ events: some }) => {
        if (failing) throw new Error('not now')
        tried.push(...some.map(({ position }) => position.seq))
      },
    })
    const good = await collect(bus, 'good', () => 0)
    for (let seq = 1; seq <= 300; seq++) await bus.bus.publish([event(seq)])
    await until(() => good.seqs.length === 300)
    failing = false
    await until(() => tried.length === 300)
    expect(tried).toEqual(good.seqs)
  })
})

describe('heads', () => {
  test('are those of the topic for a process that published nothing, and follow what others publish', async () => {
    await migrateTopics(given, ['identity'], 8)
    const [writer, reader] = [newBus(), newBus()]
    const all = Array.from({ length: 8 }, (_, p) => event(p + 1, { position: { p, seq: p + 1 } }))
    await writer.bus.publish(all)
    const expected = Array.from({ length: 8 }, (_, p) => ({ p, seq: p + 1 }))
    expect(await reader.bus.heads('identity')).toEqual(expected)
    await writer.bus.publish([event(5, { position: { p: 4, seq: 6 } })])
    expected[4]!.seq = 6
    expect(await reader.bus.heads('identity')).toEqual(expected)
    expect(await writer.bus.heads('identity')).toEqual(expected)
  })

  test('a late repetition takes nothing back of what this process has published, also where others have written in between', async () => {
    await migrateTopics(given, ['identity'], 1)
    const { bus } = newBus()
    const late = encode(event(1)).value
    await bus.publish(events(1, 1))
    await raw(late)
    await bus.publish(events(2, 3))
    await raw(late)
    expect(await bus.heads('identity')).toEqual([{ p: 0, seq: 3 }])
  })

  test('a late repetition by a rival takes nothing back from who knows better', async () => {
    await migrateTopics(given, ['identity'], 1)
    const [one, rival] = [newBus(), newBus()]
    await one.bus.publish(events(1, 6))
    expect(await one.bus.heads('identity')).toEqual([{ p: 0, seq: 6 }])
    await rival.bus.publish(events(4, 5))
    expect(await one.bus.heads('identity')).toEqual([{ p: 0, seq: 6 }])
  })
})

describe('the check', () => {
  const problems = async (more: Partial<KafkaOptions> = {}) =>
    (await newBus(more).check({ contexts: ['identity', 'admin'], partitions: 2 })).filter(({ level }) => level !== 'ok')

  test('has nothing to say when all is well', async () => {
    await migrateTopics(given, ['identity', 'admin'], 2)
    expect(await newBus().check({ contexts: ['identity', 'admin'], partitions: 2 })).toEqual([
      { level: 'ok', sentence: expect.stringMatching(/^Kafka answers: \d brokers?\.$/) },
      { level: 'ok', sentence: 'All 2 topics are as they should be.' },
    ])
  })

  test('names a missing topic, a wrong number of partitions and a topic that forgets', async () => {
    await migrateTopics(given, ['identity'], 4)
    await change({ 'retention.ms': '1000' })
    expect((await problems()).map(({ sentence }) => sentence)).toEqual([
      `The topic ${given.prefix}.admin.v1 is missing.`,
      `The topic ${topic()} has 4 partitions, and the system is set to 2.`,
      `The topic ${topic()} forgets events after a while.`,
    ])
  })

  test('names a broker that does not answer', async () => {
    const [finding] = await problems({ brokers: ['127.0.0.1:1'], timeout: 2_000 })
    expect(finding).toMatchObject({ level: 'error', sentence: expect.stringMatching(/^Kafka cannot be used at 127\.0\.0\.1:1: /) })
  })

  test('names something that is no Kafka', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n', () => socket.destroy()))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    expect(await problems({ brokers: [`127.0.0.1:${port}`], timeout: 2_000 })).toHaveLength(1)
    await new Promise((resolve) => server.close(resolve))
  })
})
