/** One member of a group: takes batches of its partitions, in order, again and again until they are resolved. */
import type { Admin, Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs'
import type { Position } from '@pavan/kernel'
import type { Subscription } from '@pavan/platform/bus/bus.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { metrics } from '@pavan/platform/telemetry/metrics.js'
import { decode } from './cloud-event.js'
import { describe, typeOf } from './kafka-errors.js'
import { defaults, groupOf, makeClient, topicOf, type KafkaOptions } from './kafka-options.js'
import { PartitionPlace, type Committed } from './partition-place.js'

const largestBatch = 500
const firstPause = 50
const longestPause = 5_000
/** While Kafka is away a subscription goes on trying, but its service starts after this many milliseconds. */
const patience = 5_000
/** Milliseconds between two notes of the offset for a group that knows its own place. */
const noteEvery = 1_000
/** Partitions that are worked on at the same time. */
const concurrency = 8

const corrupt = metrics.counter('pavan.bus.corrupt_records', {
  description: 'Records on a topic that are not events and were passed over, by context',
  unit: '{record}',
})
const gaps = metrics.counter('pavan.bus.gaps', {
  description: 'Gaps in the sequence numbers of a partition: events that never came, by context',
  unit: '{gap}',
})
const repeated = metrics.counter('pavan.bus.repeated_records', {
  description: 'Records that were dropped because their event had come before, by context',
  unit: '{record}',
})

interface Held {
  readonly context: string
  readonly place: Promise<PartitionPlace>
  failures: number
  notedAt: number
}

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
  readonly #timers = new Set<NodeJS.Timeout>()
  #wake: (() => void) | undefined

  constructor(
    private readonly options: KafkaOptions,
    private readonly cluster: { admin(): Promise<Admin>; heads(context: string): Promise<readonly Position[]> },
    private readonly subscription: Subscription,
  ) {
    this.#topics = new Map(subscription.contexts.map((context) => [topicOf(options, context), context]))
    this.#group = groupOf(options, subscription.group)
  }

  /** Resolves when the member has its partitions, or when Kafka keeps it waiting for too long; it goes on trying then. */
  async start(): Promise<void> {
    const active = new Promise<void>((resolve) => (this.#active = resolve))
    void this.#connect()
    let timer: NodeJS.Timeout | undefined
    await Promise.race([active, new Promise<void>((resolve) => (timer = setTimeout(resolve, patience)))])
    clearTimeout(timer)
  }

  /** Finishes the running batch, leaves the group. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#wake?.()
    this.#active()
    await this.#consumer
      ?.disconnect()
      .catch((error: unknown) => this.options.log.debug({ group: this.#group, reason: describe(error) }, 'left the group in disorder'))
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
          eachBatch: (payload) => this.#eachBatch(consumer, payload),
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
    const consumer = makeClient(this.options).consumer({
      groupId: this.#group,
      sessionTimeout: session,
      heartbeatInterval: Math.floor(session / 4),
      rebalanceTimeout: 20_000,
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
        this.#held.set(`${topic}:${p}`, { context, place, failures: 0, notedAt: 0 })
        place.then(
          ({ next }) => this.#seek(consumer, topic, p, next),
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

  #seek(consumer: Consumer, topic: string, partition: number, offset: number): void {
    try {
      consumer.seek({ topic, partition, offset: String(offset) })
    } catch {
      // The consumer has stopped meanwhile: the next joining seeks again.
    }
  }

  async #eachBatch(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    const { topic, partition, messages } = payload.batch
    const held = this.#held.get(`${topic}:${partition}`)
    if (!held) return
    const beat = this.#keepAlive(payload)
    try {
      const place = await held.place
      // A batch that was fetched before the place was known.
      if (!payload.isRunning() || payload.isStale()) return
      const first = messages.findIndex(({ offset }) => Number(offset) >= place.next)
      if (first < 0) return this.#seek(consumer, topic, partition, place.next)
      await this.#deliver(consumer, payload, held, place, messages.slice(first))
    } finally {
      beat.end()
    }
    beat.rethrow()
  }

  async #deliver(consumer: Consumer, payload: EachBatchPayload, held: Held, place: PartitionPlace, messages: readonly KafkaMessage[]): Promise<void> {
    const { topic, partition: p } = payload.batch
    const { context } = held
    for (let i = 0; i < messages.length; i += largestBatch) {
      if (!payload.isRunning() || payload.isStale() || this.#stopped) return
      const chunk = messages.slice(i, i + largestBatch)
      const events = chunk.flatMap((message) => this.#read(message, context, p) ?? [])
      if (events[0] && place.startsTooLate(events[0])) return this.#seek(consumer, topic, p, 0)
      const found = place.sift(events)
      if (found.gap) this.#alarm(context, p, found.gap)
      if (found.events.length < events.length) repeated.add(events.length - found.events.length, { context })
      if (found.events.length > 0 && !(await this.#handle(payload, held, found.events))) return
      const next = Number(chunk.at(-1)?.offset) + 1
      place.done(next, found.events.at(-1)?.position.seq)
      payload.resolveOffset(String(next - 1))
      await this.#note(payload, held, place)
    }
  }

  /** Hands the events over; false when they were rejected, and the partition rests for a while. */
  async #handle(payload: EachBatchPayload, held: Held, events: readonly StoredEvent[]): Promise<boolean> {
    try {
      await this.subscription.handle({ context: held.context, p: payload.batch.partition, events })
      held.failures = 0
      return true
    } catch {
      // The consumer says in its own log why it rejected; the bus only comes again.
      const resume = payload.pause()
      const timer = setTimeout(
        () => {
          this.#timers.delete(timer)
          if (!this.#stopped) resume()
        },
        Math.min(longestPause, firstPause * 2 ** held.failures++),
      )
      this.#timers.add(timer)
      return false
    }
  }

  #read(message: KafkaMessage, context: string, p: number): StoredEvent | undefined {
    const event = decode(message.value)
    const wrong = typeof event === 'string' ? event : event.context !== context || event.position.p !== p ? 'it belongs to another place' : undefined
    if (wrong === undefined) return event as StoredEvent
    corrupt.add(1, { context })
    this.options.log.error({ group: this.#group, context, p, offset: message.offset, reason: wrong }, 'a record is no event of ours and was passed over')
    return undefined
  }

  #alarm(context: string, p: number, { after, found }: { after: number; found: number }): void {
    gaps.add(1, { context })
    this.options.log.error({ group: this.#group, context, p, after, found }, 'events are missing on the topic: rebuild the topic from the log, then this view')
  }

  /** Writes down how far the group is. A group that knows its own place needs it only as a hint. */
  async #note(payload: EachBatchPayload, held: Held, place: PartitionPlace): Promise<void> {
    const now = Date.now()
    if (this.subscription.from && now - held.notedAt < noteEvery) return
    held.notedAt = now
    const { topic, partition } = payload.batch
    const metadata = place.seq === undefined ? null : String(place.seq)
    const partitions = [{ partition, offset: String(place.next), metadata }]
    await payload.commitOffsetsIfNecessary({ topics: [{ topic, partitions }] })
  }

  /** A batch may take its time: the group must not take the member for dead meanwhile. */
  #keepAlive({ heartbeat }: EachBatchPayload): { end(): void; rethrow(): void } {
    let failure: unknown
    const timer = setInterval(() => heartbeat().catch((error: unknown) => (failure = error)), Math.floor((this.options.session ?? defaults.session) / 4))
    return {
      end: () => clearInterval(timer),
      // For kafkajs, which joins the group again.
      rethrow: () => {
        if (failure !== undefined) throw failure
      },
    }
  }

  #sleep(millis: number): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, millis)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
