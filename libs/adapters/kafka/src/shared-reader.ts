/**
 * Reads the ends of topics once for all groups of a process. Each group stays a group of Kafka with its own partitions and offsets; only its fetches
 * are answered from here while it keeps up. Who is behind, ahead, or asks while the reader is in trouble, asks the broker itself as if there were none.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { KafkaMessage } from 'kafkajs'
import type { Subscription } from '@pavan/platform/bus/bus.js'
import { eventOf } from './cloud-event.js'
import { describe } from './kafka-errors.js'
import { defaults, makeClient, type KafkaOptions } from './kafka-options.js'
import { FetchSession } from './fetch-session.js'
import { PartitionWindow } from './partition-window.js'
import { clusterOf, fetchInSession, type FetchAnswer, type FetchRequest, type RawCluster } from './kafkajs-internals.js'

/** A partition that nobody has asked for in so many milliseconds is not read any more. */
const forgottenAfter = 5_000
/** Milliseconds without the reader after it was in trouble. */
const rest = 500
/** Milliseconds that a fetch without records may wait at the broker; a partition that comes anew waits as long until it is read with the others. */
const longPoll = 500
/** Bytes asked for at once; a broker sends at least one whole batch. */
const fetchSize = 1024 * 1024
/** Milliseconds between two fetches of a group that is about to leave. */
const stoppedPause = 20
/** What concerns a group in nothing is handed over after so many milliseconds, or so many records of a partition: well before it is not kept any more. */
const passAfter = 2_500
const manyRecords = 100

type Wanted = Pick<Subscription, 'concerns' | 'interval'>
type Outcome = 'shared' | 'itself' | 'nothing'

/** The fetches of one group. */
export interface Reading {
  fetch(request: FetchRequest, itself: () => Promise<FetchAnswer>): Promise<FetchAnswer>
  /** A fetch that waits is answered, and none waits any more. */
  stop(): void
}

interface Waiter {
  /** By window, the offset from which records are wanted. */
  readonly from: ReadonlyMap<PartitionWindow, number>
  tell(window: PartitionWindow, records: readonly KafkaMessage[]): void
  settle(outcome: Outcome): void
}

export class SharedReader {
  readonly #windows = new Map<string, PartitionWindow>()
  readonly #waiters = new Set<Waiter>()
  /** Brokers that are being asked. */
  readonly #reading = new Map<number, Promise<void>>()
  readonly #cluster: RawCluster
  #adopting: Promise<void> | undefined
  #restUntil = 0
  #closed = false

  constructor(private readonly options: KafkaOptions) {
    this.#cluster = clusterOf(makeClient(options), options.metadataAge ?? defaults.metadataAge)
  }

  reading(wanted: Wanted): Reading {
    let stopped = false
    let served = -Infinity
    // One for each broker at the most.
    const waiting = new Set<Waiter>()
    return {
      fetch: async (request, itself) => {
        if (stopped) {
          await pause(stoppedPause)
          return { responses: [] }
        }
        const from = new Map<PartitionWindow, number>()
        for (const { topic, partitions } of request.topics)
          for (const { partition, fetchOffset } of partitions) {
            const window = this.#window(topic, partition)
            if (!window?.has(Number(fetchOffset))) {
              // The others of this request are asked for all the same, so that they are there when it is this one's turn.
              if (window && !window.live) continue
              return itself()
            }
            from.set(window, Number(fetchOffset))
          }
        const asked = request.topics.reduce((sum, { partitions }) => sum + partitions.length, 0)
        if (from.size < asked) return itself()
        const notBefore = served + (wanted.interval ?? 0)
        const outcome = await this.#news(from, wanted, { notBefore, maxWait: request.maxWaitTime, waiting })
        if (outcome === 'itself') return itself()
        // The group says that it is alive between two fetches, so it may not wait longer.
        const passFrom = performance.now() - passAfter
        if (outcome === 'nothing' && ![...from].some(([window, offset]) => window.waitsSince(offset) < passFrom)) return { responses: [] }
        const answer = answerOf(from)
        if (answer.responses.length > 0) served = performance.now()
        return answer
      },
      stop: () => {
        stopped = true
        for (const waiter of waiting) waiter.settle('shared')
      },
    }
  }

  /** Waits for records that concern a group, for many that do not, or until the time is over. */
  #news(
    from: ReadonlyMap<PartitionWindow, number>,
    { concerns }: Wanted,
    { notBefore, maxWait, waiting }: { notBefore: number; maxWait: number; waiting: Set<Waiter> },
  ): Promise<Outcome> {
    return new Promise((resolve) => {
      const deadline = performance.now() + maxWait
      let timer: NodeJS.Timeout
      let urgent = false
      const waiter: Waiter = {
        from,
        tell: (window, records) => {
          if (urgent) return
          urgent = window.end - (from.get(window) as number) >= manyRecords || !concerns || records.some((record) => isFor(record, concerns))
          if (!urgent) return
          const wait = Math.min(notBefore, deadline) - performance.now()
          if (wait <= 0) return waiter.settle('shared')
          clearTimeout(timer)
          timer = setTimeout(() => waiter.settle('shared'), wait)
        },
        settle: (outcome) => {
          clearTimeout(timer)
          this.#waiters.delete(waiter)
          waiting.delete(waiter)
          resolve(outcome)
        },
      }
      this.#waiters.add(waiter)
      timer = setTimeout(() => waiter.settle('nothing'), maxWait)
      waiting.add(waiter)
      for (const [window, offset] of from) {
        const records = window.from(offset)
        if (records.length > 0) waiter.tell(window, records)
      }
    })
  }

  #window(topic: string, partition: number): PartitionWindow | undefined {
    const key = `${topic}:${partition}`
    const now = performance.now()
    const known = this.#windows.get(key)
    if (known) {
      known.asked = now
      return known
    }
    if (this.#closed || now < this.#restUntil) return undefined
    const window = new PartitionWindow(topic, partition, now)
    this.#windows.set(key, window)
    this.#adopting ??= this.#adopt().finally(() => (this.#adopting = undefined))
    return window
  }

  /** Looks for the leaders and ends of the partitions that came anew, and has them read from there. */
  async #adopt(): Promise<void> {
    // Those that are asked for in the same turn of the event loop come together.
    await Promise.resolve()
    for (;;) {
      const fresh = [...this.#windows.values()].filter(({ node }) => node === undefined)
      if (fresh.length === 0 || this.#closed) return
      try {
        if (!this.#cluster.isConnected()) await this.#cluster.connect()
        const topics = Map.groupBy(fresh, ({ topic }) => topic)
        for (const topic of topics.keys()) await this.#cluster.addTargetTopic(topic)
        await this.#cluster.refreshMetadataIfNecessary()
        const wanted = [...topics].map(([topic, windows]) => ({ topic, fromBeginning: false, partitions: windows.map(({ partition }) => ({ partition })) }))
        for (const { topic, partitions } of await this.#cluster.fetchTopicsOffset(wanted)) {
          const leaders = new Map(this.#cluster.findTopicPartitionMetadata(topic).map(({ partitionId, leader }) => [partitionId, leader]))
          for (const { partition, offset } of partitions) {
            const window = this.#windows.get(`${topic}:${partition}`)
            if (!window || window.node !== undefined) continue
            window.base = window.end = Number(offset)
            window.node = leaders.get(partition)
          }
        }
        const lost = fresh.filter(({ node }) => node === undefined)
        if (lost.length > 0) throw new Error('a partition has no leader')
        for (const node of new Set(fresh.map((window) => window.node as number))) this.#readFrom(node)
      } catch (error) {
        await this.#giveUp(fresh, error)
      }
    }
  }

  #readFrom(node: number): void {
    if (this.#reading.has(node)) return
    const reading = this.#read(node).finally(() => {
      this.#reading.delete(node)
      // One that came in the very moment of the end.
      if (!this.#closed && [...this.#windows.values()].some((window) => window.node === node)) this.#readFrom(node)
    })
    this.#reading.set(node, reading)
  }

  async #read(node: number): Promise<void> {
    const session = new FetchSession()
    while (!this.#closed) {
      const now = performance.now()
      const windows: PartitionWindow[] = []
      for (const [key, window] of this.#windows) {
        if (window.node !== node) continue
        if (now - window.asked > forgottenAfter) this.#windows.delete(key)
        else windows.push(window)
        window.forget(now)
      }
      if (windows.length === 0) return
      try {
        await this.#fetch(node, windows, session)
      } catch (error) {
        session.begin()
        await this.#giveUp(windows, error)
      }
    }
  }

  async #fetch(node: number, windows: readonly PartitionWindow[], session: FetchSession): Promise<void> {
    await this.#cluster.refreshMetadataIfNecessary()
    const broker = await this.#cluster.findBroker({ nodeId: node })
    const answering = fetchInSession(broker, session.next(windows), { maxWaitTime: longPoll, maxBytes: fetchSize * 10, partitionBytes: fetchSize })
    for (const window of windows) window.live = true
    const answer = await answering
    if (!session.goesOn(answer)) return
    for (const { topicName, partitions } of answer.responses)
      for (const { partition, messages } of partitions) {
        const window = this.#windows.get(`${topicName}:${partition}`)
        const fresh = window?.live ? messages.filter(({ offset }) => Number(offset) >= window.end) : []
        if (!window || fresh.length === 0) continue
        window.add(fresh, { now: performance.now(), windows: this.#windows.size })
        for (const waiter of this.#waiters) if (waiter.from.has(window)) waiter.tell(window, fresh)
      }
  }

  /** Everybody asks the broker itself for a while, and learns there what is wrong. */
  async #giveUp(windows: readonly PartitionWindow[], error: unknown): Promise<void> {
    // The end breaks off what is under way.
    if (this.#closed) return
    this.options.log.debug({ reason: describe(error) }, 'the shared reader of topics has to begin again')
    this.#restUntil = performance.now() + rest
    const lost = new Set(windows)
    for (const [key, window] of this.#windows) if (lost.has(window)) this.#windows.delete(key)
    for (const window of windows) window.live = false
    for (const waiter of this.#waiters) if (windows.some((window) => waiter.from.has(window))) waiter.settle('itself')
    await this.#cluster.refreshMetadata().catch(() => this.#cluster.disconnect().catch(() => {}))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#windows.clear()
    for (const waiter of this.#waiters) waiter.settle('shared')
    await this.#cluster.disconnect()
    // One that was just being connected.
    await Promise.allSettled([this.#adopting, ...this.#reading.values()])
    await this.#cluster.disconnect()
  }
}

/** A record that is no event is for everybody: each group says so. */
const isFor = (record: KafkaMessage, concerns: NonNullable<Wanted['concerns']>): boolean => {
  const event = eventOf(record)
  return typeof event === 'string' || concerns(event)
}

const answerOf = (from: ReadonlyMap<PartitionWindow, number>): FetchAnswer => {
  const topics = new Map<string, FetchAnswer['responses'][number]['partitions'][number][]>()
  for (const [window, offset] of from) {
    // What was forgotten meanwhile is asked for again, at the broker.
    const messages = window.has(offset) ? window.from(offset) : []
    if (messages.length === 0) continue
    const partitions = topics.get(window.topic) ?? []
    topics.set(window.topic, partitions)
    const { partition, end } = window
    partitions.push({ partition, errorCode: 0, highWatermark: String(end), abortedTransactions: [], preferredReadReplica: -1, messages })
  }
  return { responses: [...topics].map(([topicName, partitions]) => ({ topicName, partitions })) }
}
