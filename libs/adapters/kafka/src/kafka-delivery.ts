/** What a member does with the batches of its partitions: in order, again and again until they are resolved. */
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs'
import { FallenBehind, type Subscription } from '@pavan/platform/bus/bus.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { metrics } from '@pavan/platform/telemetry/metrics.js'
import { eventOf } from './cloud-event.js'
import { describe } from './kafka-errors.js'
import { defaults, type KafkaOptions } from './kafka-options.js'
import type { PartitionPlace } from './partition-place.js'

const largestBatch = 500
export const firstPause = 50
export const longestPause = 5_000
/** Milliseconds between two notes of the offset for a group that knows its own place: for whoever looks at the group from outside. */
const noteEvery = 5_000

const corrupt = metrics.counter('pavan_bus_corrupt_records_total', {
  description: 'Records on a topic that are not events and were passed over.',
  labels: ['context'],
  unit: '{record}',
})
const gaps = metrics.counter('pavan_bus_gaps_total', {
  description: 'Gaps in the sequence numbers of a partition: events that never came.',
  labels: ['context'],
  unit: '{gap}',
})
const repeated = metrics.counter('pavan_bus_repeated_records_total', {
  description: 'Records that were dropped because their event had come before.',
  labels: ['context'],
  unit: '{record}',
})

/** A partition that the member holds since it last joined the group. */
export interface Held {
  readonly context: string
  readonly place: Promise<PartitionPlace>
  failures: number
}

export const seek = (consumer: Consumer, { topic, partition, offset }: { topic: string; partition: number; offset: number }): void => {
  try {
    consumer.seek({ topic, partition, offset: String(offset) })
  } catch {
    // The consumer has stopped meanwhile: the next joining seeks again.
  }
}

interface Note {
  readonly topic: string
  readonly partition: number
  readonly offset: string
  readonly metadata: string | null
}

const commit = (payload: EachBatchPayload, notes: readonly Note[]): Promise<void> =>
  payload.commitOffsetsIfNecessary({
    topics: [...new Set(notes.map(({ topic }) => topic))].map((topic) => ({ topic, partitions: notes.filter((note) => note.topic === topic) })),
  })

export class KafkaDelivery {
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #running = new Set<Promise<void>>()
  /** By topic and partition. */
  readonly #notes = new Map<string, { readonly note: Note; readonly payload: EachBatchPayload }>()
  #noting: NodeJS.Timeout | undefined
  #stopped = false

  constructor(
    private readonly options: KafkaOptions,
    private readonly group: string,
    private readonly subscription: Subscription,
  ) {}

  /** Finishes the running batches and writes down how far they are; nothing is delivered afterwards. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.allSettled(this.#running)
  }

  async take(consumer: Consumer, payload: EachBatchPayload, held: Held): Promise<void> {
    if (this.#stopped) return void payload.pause()
    const taking = this.#take(consumer, payload, held)
    this.#running.add(taking)
    try {
      await taking
    } finally {
      this.#running.delete(taking)
    }
  }

  async #take(consumer: Consumer, payload: EachBatchPayload, held: Held): Promise<void> {
    const { topic, partition, messages } = payload.batch
    const beat = this.#keepAlive(payload)
    try {
      const place = await held.place
      // A batch that was fetched before the place was known.
      if (!payload.isRunning() || payload.isStale()) return
      const first = messages.findIndex(({ offset }) => Number(offset) >= place.next)
      if (first < 0) return seek(consumer, { topic, partition, offset: place.next })
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
      if (events[0] && place.startsTooLate(events[0])) return seek(consumer, { topic, partition: p, offset: 0 })
      const found = place.sift(events)
      if (found.gap) this.#alarm(context, p, found.gap)
      if (found.events.length < events.length) repeated.add(events.length - found.events.length, { context })
      if (found.events.length > 0 && !(await this.#handle(consumer, payload, held, place, found.events))) return
      const next = Number(chunk.at(-1)?.offset) + 1
      place.done(next, found.events.at(-1)?.position.seq)
      payload.resolveOffset(String(next - 1))
      await this.#note(payload, place)
    }
  }

  /** Hands the events over; false when they were rejected, and the partition rests for a while. */
  async #handle(consumer: Consumer, payload: EachBatchPayload, held: Held, place: PartitionPlace, events: readonly StoredEvent[]): Promise<boolean> {
    const { topic, partition } = payload.batch
    try {
      await this.subscription.handle({ context: held.context, p: partition, events, after: place.seq })
      held.failures = 0
      return true
    } catch (error) {
      // The consumer says in its own log why it rejected; the bus only comes again.
      if (error instanceof FallenBehind) {
        const { done } = error
        this.options.log.debug(
          { group: this.group, context: held.context, p: partition, done, after: place.seq },
          'a consumer is further back than it was; it gets what came since then again',
        )
        place.goBack(done)
        seek(consumer, { topic, partition, offset: place.next })
      }
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
    const event = eventOf(message)
    const wrong = typeof event === 'string' ? event : event.context !== context || event.position.p !== p ? 'it belongs to another place' : undefined
    if (wrong === undefined) return event as StoredEvent
    corrupt.add(1, { context })
    this.options.log.error({ group: this.group, context, p, offset: message.offset, reason: wrong }, 'a record is no event of ours and was passed over')
    return undefined
  }

  #alarm(context: string, p: number, { after, found }: { after: number; found: number }): void {
    gaps.add(1, { context })
    this.options.log.error({ group: this.group, context, p, after, found }, 'events are missing on the topic: rebuild the topic from the log, then this view')
  }

  /** Writes down how far the group is. For a group that knows its own place that is only a hint, and is done for all partitions at once. */
  async #note(payload: EachBatchPayload, place: PartitionPlace): Promise<void> {
    const { topic, partition } = payload.batch
    const note = { topic, partition, offset: String(place.next), metadata: place.seq === undefined ? null : String(place.seq) }
    if (!this.subscription.from) return commit(payload, [note])
    this.#notes.set(`${topic}:${partition}`, { note, payload })
    this.#noting ??= setTimeout(() => void this.flush(), noteEvery)
  }

  /** Writes down what was not written down yet; never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#noting)
    this.#noting = undefined
    const notes = [...this.#notes.values()]
    this.#notes.clear()
    const last = notes.at(-1)
    if (!last) return
    await commit(
      last.payload,
      notes.map(({ note }) => note),
    ).catch((error: unknown) => this.options.log.debug({ group: this.group, reason: describe(error) }, 'the offsets of a group were not noted'))
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
}
