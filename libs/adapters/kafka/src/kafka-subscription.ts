/** One member of a group: takes batches of its partitions, in order, again and again until they are resolved. */
import type { Admin, Consumer } from 'kafkajs'
import type { Position } from '@pavan/kernel'
import type { Subscription } from '@pavan/platform/bus/bus.js'
import { firstPause, KafkaDelivery, longestPause, seek, type Held } from './kafka-delivery.js'
import { describe, typeOf } from './kafka-errors.js'
import { defaults, groupOf, makeClient, topicOf, type KafkaOptions } from './kafka-options.js'
import { fetchBy } from './kafkajs-internals.js'
import { PartitionPlace, type Committed } from './partition-place.js'
import type { Reading, SharedReader } from './shared-reader.js'

/** While Kafka is away a subscription goes on trying, but its service starts, or ends, after this many milliseconds. */
const patience = 5_000
/** Partitions that are worked on at the same time. */
const concurrency = 8
/** kafkajs reads an answer from end to end before anything else gets its turn: this much, compressed, holds up others for about 10 ms. */
const bytesAtOnce = 16 * 1024

export class KafkaSubscription {
  readonly #topics: ReadonlyMap<string, string>
  readonly #group: string
  /** By topic and partition: what this member holds since the last joining. */
  #held = new Map<string, Held>()
  #consumer: Consumer | undefined
  /** What was published before a group that begins now, by topic and partition; looked up once. */
  #before: Map<string, number> | undefined
  #stopped = false
  #active: () => void = () => {}
  readonly #delivery: KafkaDelivery
  readonly #reading: Reading
  readonly #sleepers = new Set<() => void>()

  constructor(
    private readonly options: KafkaOptions,
    private readonly cluster: { admin(): Promise<Admin>; heads(context: string): Promise<readonly Position[]> },
    private readonly subscription: Subscription,
    reader: SharedReader,
  ) {
    this.#reading = reader.reading(subscription)
    this.#topics = new Map(subscription.contexts.map((context) => [topicOf(options, context), context]))
    this.#group = groupOf(options, subscription.group)
    this.#delivery = new KafkaDelivery(options, this.#group, subscription)
  }

  /** Resolves when the member has its partitions, or when Kafka keeps it waiting for too long; it goes on trying then. */
  async start(): Promise<void> {
    const active = new Promise<void>((resolve) => (this.#active = resolve))
    void this.#connect()
    let timer: NodeJS.Timeout | undefined
    await Promise.race([active, new Promise<void>((resolve) => (timer = setTimeout(resolve, patience)))])
    clearTimeout(timer)
  }

  /** Finishes the running batches and leaves the group; a broker that does not answer is waited for only so long. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const wake of this.#sleepers) wake()
    this.#active()
    this.#reading.stop()
    await this.#delivery.stop()
    const leave = async (): Promise<void> => {
      await this.#delivery.flush()
      await this.#consumer?.disconnect()
    }
    const leaving = leave().catch((error: unknown) => this.options.log.debug({ group: this.#group, reason: describe(error) }, 'left the group in disorder'))
    let timer: NodeJS.Timeout | undefined
    await Promise.race([leaving, new Promise<void>((resolve) => (timer = setTimeout(resolve, patience)))])
    clearTimeout(timer)
  }

  async #connect(): Promise<void> {
    for (let wait = firstPause; !this.#stopped; wait = Math.min(wait * 2, longestPause)) {
      const consumer = this.#makeConsumer()
      this.#consumer = consumer
      try {
        await consumer.connect()
        await consumer.subscribe({ topics: [...this.#topics.keys()], fromBeginning: true })
        if (this.subscription.fromNow) this.#before ??= await this.#headsNow()
        if (this.#stopped) break
        await consumer.run({
          autoCommit: false,
          eachBatchAutoResolve: false,
          partitionsConsumedConcurrently: concurrency,
          eachBatch: async (payload) => {
            const held = this.#held.get(`${payload.batch.topic}:${payload.batch.partition}`)
            if (held) await this.#delivery.take(consumer, payload, held)
          },
        })
        return
      } catch (error) {
        const missing = typeOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION'
        this.options.log.warn(
          { group: this.#group, reason: describe(error) },
          missing ? 'a topic is missing: run the migration of topics; trying again' : 'Kafka cannot be reached; trying again',
        )
        await consumer.disconnect().catch(() => {})
        await this.#sleep(wait)
      }
    }
    await this.#consumer?.disconnect().catch(() => {})
  }

  async #headsNow(): Promise<Map<string, number>> {
    const all = [...this.#topics].map(async ([topic, context]) => (await this.cluster.heads(context)).map(({ p, seq }) => [`${topic}:${p}`, seq] as const))
    return new Map((await Promise.all(all)).flat())
  }

  #makeConsumer(): Consumer {
    const session = this.options.session ?? defaults.session
    const client = makeClient(this.options)
    fetchBy(client, this.#reading.fetch)
    const consumer = client.consumer({
      groupId: this.#group,
      sessionTimeout: session,
      heartbeatInterval: Math.floor(session / 4),
      rebalanceTimeout: 20_000,
      maxBytesPerPartition: bytesAtOnce,
      // Who takes little at once wants to hold nobody up; others may have several partitions at once, to come nearer to the news.
      maxBytes: this.subscription.atOnce && this.subscription.atOnce() < Infinity ? bytesAtOnce : 4 * bytesAtOnce,
      maxWaitTimeInMs: this.options.maxWait ?? defaults.maxWait,
      metadataMaxAge: this.options.metadataAge ?? defaults.metadataAge,
      allowAutoTopicCreation: false,
      // No transactions are used, so what is committed to the log is what there is.
      readUncommitted: true,
      retry: { retries: 10 },
    })
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.#join(consumer, payload.memberAssignment))
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (this.#stopped) return
      this.options.log.warn({ group: this.#group, reason: describe(payload.error) }, 'the connection to Kafka was lost; connecting again')
      // kafkajs starts again by itself after what it calls retriable; after anything else we do.
      if (!payload.restart && this.#consumer === consumer) void this.#sleep(firstPause).then(() => this.#connect())
    })
    return consumer
  }

  /** Called within kafkajs's joining, before anything is fetched: from now on a batch waits until its place is known. */
  #join(consumer: Consumer, assignment: Readonly<Record<string, readonly number[]>>): void {
    if (this.#stopped) {
      // A joining that was under way when the subscription ended.
      void consumer.disconnect().catch(() => {})
      return
    }
    const committed = this.#committed(assignment)
    this.#held = new Map()
    for (const [topic, partitions] of Object.entries(assignment)) {
      const context = this.#topics.get(topic)
      if (context === undefined) continue
      for (const p of partitions) {
        const place = this.#place({ context, topic, p }, committed)
        this.#held.set(`${topic}:${p}`, { context, place, failures: 0 })
        place.then(
          ({ next }) => seek(consumer, { topic, partition: p, offset: next }),
          // Without a place there is no delivery; the batch that waits for it says so, or the next joining asks again.
          () => {},
        )
      }
    }
    this.#active()
  }

  async #place({ context, topic, p }: { context: string; topic: string; p: number }, committed: Promise<Map<string, Committed>>): Promise<PartitionPlace> {
    for (let wait = firstPause; ; wait = Math.min(wait * 2, longestPause)) {
      try {
        const from = await this.subscription.from?.(context, p)
        const known = (await committed).get(`${topic}:${p}`) ?? { offset: -1, seq: undefined }
        // Of a partition that had no record then, everything is new.
        const isNew = this.subscription.fromNow && from === undefined && known.offset < 0
        return new PartitionPlace(isNew ? (this.#before?.get(`${topic}:${p}`) ?? 0) : from, known)
      } catch (error) {
        if (this.#stopped) throw error
        this.options.log.warn({ group: this.#group, context, p, reason: describe(error) }, 'the place of a consumer is not known yet; asking again')
        await this.#sleep(wait)
      }
    }
  }

  async #committed(assignment: Readonly<Record<string, readonly number[]>>): Promise<Map<string, Committed>> {
    for (let wait = firstPause; ; wait = Math.min(wait * 2, longestPause)) {
      try {
        const topics = Object.keys(assignment)
        const offsets = topics.length === 0 ? [] : await (await this.cluster.admin()).fetchOffsets({ groupId: this.#group, topics })
        return new Map(
          offsets.flatMap(({ topic, partitions }) =>
            partitions.map(({ partition, offset, metadata }) => [
              `${topic}:${partition}`,
              { offset: Number(offset), seq: metadata ? Number(metadata) : undefined },
            ]),
          ),
        )
      } catch (error) {
        if (this.#stopped) return new Map()
        this.options.log.debug({ group: this.#group, reason: describe(error) }, 'the offsets of the group cannot be read; asking again')
        await this.#sleep(wait)
      }
    }
  }

  #sleep(millis: number): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#sleepers.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, millis)
      this.#sleepers.add(wake)
    })
  }
}
