/** What the adapter promises while brokers die, stand still and members come and go. PAVAN_LONG=1 asks for more and longer rounds. */
import { randomInt } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import type { BusBatch } from '@pavan/platform/bus/bus.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { startKafka } from '../../../../tools/services/kafka.mjs'
import { kafkaBus as makeBus, migrateTopics, type KafkaAdapters, type KafkaOptions } from './index.js'
import { event, recordingLog } from './testing/events.js'

jest.setTimeout(180_000)
const long = process.env['PAVAN_LONG'] === '1'
const partitions = 4

const patiently = async (holds: () => boolean | Promise<boolean>, seconds = 90) => {
  const end = performance.now() + seconds * 1000
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

type Cluster = Awaited<ReturnType<typeof startKafka>>
let kafka: Cluster
let rounds = 0
const open: KafkaAdapters[] = []
const kafkaBus = (options: KafkaOptions): KafkaAdapters => {
  const adapters = makeBus(options)
  open.push(adapters)
  return adapters
}
let over = false
beforeEach(() => (over = false))
afterEach(async () => {
  over = true
  await Promise.all(open.splice(0).map((one) => one.close()))
})
const optionsOf = (): KafkaOptions => ({
  brokers: kafka.brokers,
  prefix: `round${++rounds}`,
  log: recordingLog().log,
  maxWait: 25,
  timeout: 3_000,
  metadataAge: 2_000,
})

/** A relay: numbers events, publishes each partition in order and batch by batch, and tries again whatever was refused. */
const relay = (bus: KafkaAdapters, total: number) => {
  const acknowledged: StoredEvent[] = []
  let refusals = 0
  const one = async (p: number) => {
    for (let seq = 1; !over && seq <= total / partitions;) {
      const size = 1 + ((seq * 7) % 20)
      const batch = Array.from({ length: Math.min(size, total / partitions - seq + 1) }, (_, i) =>
        event(seq + i, { position: { p, seq: seq + i }, stream: { tenant: 'ten_a', category: 'thing', id: `thg_${p}_${(seq + i) % 10}` } }),
      )
      const done = await bus.bus.publish(batch).then(
        () => true,
        () => false,
      )
      if (!done) {
        refusals++
        continue
      }
      acknowledged.push(...batch)
      seq += batch.length
    }
  }
  return { acknowledged, refusals: () => refusals, done: Promise.all(Array.from({ length: partitions }, (_, p) => one(p))) }
}

/** A consumer as the platform has it: its own place by partition, moved only forwards, whoever of the group it is. */
const view = () => {
  const last = new Map<number, number>()
  const seen: StoredEvent[] = []
  let faults = 0
  return {
    last,
    seen,
    faults: () => faults,
    subscription: {
      group: 'view',
      contexts: ['identity'],
      handle: async ({ p, events }: BusBatch) => {
        await new Promise<void>((resolve) => setImmediate(resolve))
        for (const one of events) {
          const place = last.get(p) ?? 0
          // What another member of the group has done already; a hole would be a loss.
          if (one.position.seq <= place) continue
          if (one.position.seq !== place + 1) faults++
          last.set(p, one.position.seq)
          seen.push(one)
        }
      },
      from: async (_: string, p: number) => last.get(p) ?? 0,
    },
  }
}

const judge = ({ acknowledged }: { acknowledged: readonly StoredEvent[] }, { seen, faults }: Pick<ReturnType<typeof view>, 'seen' | 'faults'>) => {
  expect(faults()).toBe(0)
  expect(seen).toHaveLength(acknowledged.length)
  expect(new Set(seen.map(({ position }) => `${position.p}:${position.seq}`)).size).toBe(acknowledged.length)
  const versions = new Map<string, number>()
  for (const { stream, position } of seen) {
    expect(position.seq).toBeGreaterThan(versions.get(stream.id) ?? 0)
    versions.set(stream.id, position.seq)
  }
}

const total = 10_000
const round = async (fault: (progress: () => number) => Promise<void>) => {
  const options = optionsOf()
  await migrateTopics(options, ['identity'], partitions)
  const [writer, reader] = [kafkaBus(options), kafkaBus(options)]
  const consumer = view()
  await reader.bus.subscribe(consumer.subscription)
  const publishing = relay(writer, total)
  await fault(() => publishing.acknowledged.length)
  await publishing.done
  await patiently(() => consumer.seen.length >= total)
  expect((await writer.bus.heads('identity')).map(({ seq }) => seq)).toEqual(Array.from({ length: partitions }, () => total / partitions))
  judge(publishing, consumer)
  await Promise.all([writer.close(), reader.close()])
  return publishing
}

describe('one broker', () => {
  beforeAll(async () => {
    kafka = await startKafka()
  }, 300_000)
  afterAll(() => kafka.stop())

  test.each(Array.from({ length: long ? 3 : 1 }, () => randomInt(500, total - 2_000)))(
    'is killed after %i of 10,000 events: none is lost, doubled or out of order',
    async (at) => {
      await round(async (progress) => {
        await patiently(() => progress() >= at)
        await kafka.kill()
        await kafka.restart()
      })
    },
  )

  test('stands still for a while: publishing refuses in time, and everything arrives afterwards', async () => {
    let refused: unknown
    await round(async (progress) => {
      await patiently(() => progress() >= 2_000)
      kafka.pause()
      const other = kafkaBus({ ...optionsOf(), prefix: 'round-none' })
      refused = await other.bus.heads('identity').catch((error: unknown) => error)
      // A service must be able to end, too.
      await other.close()
      await new Promise((resolve) => setTimeout(resolve, long ? 20_000 : 3_000))
      kafka.resume()
    })
    expect(refused).toMatchObject({ name: 'StorageUnavailable' })
  })

  test('members join and leave every second: none is lost, doubled or out of order', async () => {
    const options = optionsOf()
    await migrateTopics(options, ['identity'], partitions)
    const writer = kafkaBus(options)
    const consumer = view()
    const constant = kafkaBus(options)
    await constant.bus.subscribe(consumer.subscription)
    const publishing = relay(writer, total)
    for (let second = 0; second < (long ? 20 : 5); second++) {
      const guest = kafkaBus(options)
      const leave = await guest.bus.subscribe(consumer.subscription)
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      if (second % 2 === 0) await leave()
      await guest.close()
    }
    await publishing.done
    await patiently(() => consumer.seen.length >= total)
    judge(publishing, consumer)
    await Promise.all([writer.close(), constant.close()])
  })
})

describe('three brokers, three copies, two of them in sync', () => {
  beforeAll(async () => {
    kafka = await startKafka({ brokers: 3 })
  }, 300_000)
  afterAll(() => kafka.stop())

  test.each(long ? [0, 1, 2] : [1])('broker %i is lost for good in mid-stream: the others go on, and the check says so', async (victim) => {
    const options = optionsOf()
    await migrateTopics(options, ['identity'], partitions)
    await round(async (progress) => {
      await patiently(() => progress() >= 2_000)
      await kafka.kill(victim)
    })
    const adapters = kafkaBus(options)
    await patiently(async () => (await adapters.check({ contexts: ['identity'], partitions })).some(({ sentence }) => sentence.includes('not up to date')))
    await adapters.close()
    await kafka.restart(victim)
  })

  test('a leader has moved: what goes to several partitions at once arrives in each', async () => {
    const options = { ...optionsOf(), metadataAge: 300_000 }
    await migrateTopics(options, ['identity'], 6)
    const adapters = kafkaBus(options)
    const publish = (seq: number) => adapters.bus.publish(Array.from({ length: 6 }, (_, p) => event(seq, { position: { p, seq } })))
    await publish(1)
    const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    const topic = `${options.prefix}.identity.v1`
    const leaders = async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return (topics[0]?.partitions ?? []).map(({ partitionId: partition, leader }) => ({ partition, leader }))
    }
    // Each partition of one broker goes to the two others, which lead some already.
    const [{ leader: from } = { leader: -1 }] = await leaders()
    const moved = (await leaders()).filter(({ leader }) => leader === from)
    const others = [...new Set((await leaders()).map(({ leader }) => leader))].filter((leader) => leader !== from)
    expect([moved.length, others.length]).toEqual([2, 2])
    const partitionAssignment = moved.map(({ partition }) => ({ partition, replicas: others }))
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] })
    await patiently(async () => (await leaders()).every(({ leader }) => others.includes(leader)))
    await admin.disconnect()
    await publish(2)
    const fresh = kafkaBus(options)
    expect((await fresh.bus.heads('identity')).map(({ seq }) => seq)).toEqual([2, 2, 2, 2, 2, 2])
  })

  test('what concerns a group in nothing does not wait for ever while another broker has what does', async () => {
    const options = optionsOf()
    // One broker leads each.
    await migrateTopics(options, ['identity'], 3)
    const adapters = kafkaBus(options)
    const done = [0, 0, 0]
    await adapters.bus.subscribe({
      group: 'picky',
      contexts: ['identity'],
      concerns: ({ type }) => type === 'wanted.event',
      from: async () => 0,
      handle: async ({ p, events }) => void (done[p] = events.at(-1)?.position.seq ?? 0),
    })
    const last = [0, 0, 0]
    const publish = (p: number, more = {}) => adapters.bus.publish([event(++last[p]!, { position: { p, seq: last[p]! }, ...more })])
    // While the group asks the brokers itself, each record comes at once.
    for (let waited = false; !waited;) {
      await publish(1)
      const before = last[0]!
      await patiently(async () => {
        await publish(0, { type: 'wanted.event' })
        await patiently(() => done[0] === last[0])
        return done[1] === last[1]
      }, 20)
      waited = last[0]! - before > 20
    }
  })

  test('with two of three gone nothing is acknowledged, and with them back everything is', async () => {
    const options = optionsOf()
    await migrateTopics(options, ['identity'], partitions)
    const adapters = kafkaBus(options)
    await adapters.bus.publish([event(1)])
    await Promise.all([kafka.kill(1), kafka.kill(2)])
    await expect(adapters.bus.publish([event(2)])).rejects.toMatchObject({ name: 'StorageUnavailable' })
    await Promise.all([kafka.restart(1), kafka.restart(2)])
    await patiently(() =>
      adapters.bus.publish([event(2)]).then(
        () => true,
        () => false,
      ),
    )
    await patiently(async () => (await adapters.bus.heads('identity').catch(() => []))[0]?.seq === 2)
    await adapters.close()
  })
})
