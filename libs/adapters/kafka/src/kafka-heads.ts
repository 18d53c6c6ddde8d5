/** The last published position of each partition: what its last record says. Records that were seen, or written by this process, are not read again. */
import type { Position } from '@pavan/kernel'
import { decode } from './cloud-event.js'
import { defaults, makeClient, topicOf, type KafkaOptions } from './kafka-options.js'
import { clusterOf, type RawCluster } from './kafkajs-internals.js'
import type { Published } from './kafka-publisher.js'

interface Head {
  /** Offset after the record. */
  readonly end: number
  readonly seq: number
}

/** Bytes asked for at once; a broker sends at least one whole batch. */
const fetchSize = 1024 * 1024
/** A partition whose last records are all corrupt is looked at this many records back. */
const lookBack = 100
/** Milliseconds before another try. */
const pause = 100

export class KafkaHeads {
  /** By topic and partition. */
  readonly #known = new Map<string, Map<number, Head>>()
  readonly #cluster: RawCluster
  #last: Promise<void> = Promise.resolve()
  #closed = false

  constructor(private readonly options: KafkaOptions) {
    this.#cluster = clusterOf(makeClient(options), options.metadataAge ?? defaults.metadataAge)
  }

  /**
   * Notes what this process wrote. Where something lies before it that has not been read, the end of the partition is read all the same. A record at the end may
   * be an old one: a publication that was given up goes on for a while, and may come after what took its place.
   */
  learn(published: readonly Published[]): void {
    for (const { context, p, seq, base, end } of published) {
      const topic = topicOf(this.options, context)
      const known = this.#known.get(topic)?.get(p)?.end ?? 0
      this.#note(topic, p, { end: base <= known ? end : known, seq })
    }
  }

  /** One look at a time: after a failure it is tried again, with fresh connections and the leaders of then, until the timeout. */
  of(context: string): Promise<readonly Position[]> {
    const look = this.#last.then(() => this.#patiently(() => this.#look(topicOf(this.options, context))))
    this.#last = look.then(
      () => {},
      () => {},
    )
    return look
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const end = performance.now() + (this.options.timeout ?? defaults.timeout) - pause
    for (;;) {
      try {
        return await work()
      } catch (error) {
        await this.#cluster.disconnect().catch(() => {})
        if (this.#closed || performance.now() > end) throw error
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }

  async #look(topic: string): Promise<readonly Position[]> {
    if (!this.#cluster.isConnected()) await this.#cluster.connect()
    await this.#cluster.addTargetTopic(topic)
    await this.#cluster.refreshMetadataIfNecessary()
    const partitions = this.#cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId }))
    const [ends] = await this.#cluster.fetchTopicsOffset([{ topic, fromBeginning: false, partitions }])
    const known = this.#known.get(topic)
    const unread = (ends?.partitions ?? []).filter(({ partition, offset }) => Number(offset) > (known?.get(partition)?.end ?? 0))
    for (let back = 1, left = unread; left.length > 0 && back <= lookBack; back *= 10) left = await this.#read(topic, left, back)
    return [...(this.#known.get(topic) ?? [])].map(([p, { seq }]) => ({ p, seq })).toSorted((a, b) => a.p - b.p)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#cluster.disconnect()
  }

  /** Reads the last `back` records of each partition; answers the partitions in which no event was found. */
  async #read(topic: string, ends: readonly { partition: number; offset: string }[], back: number): Promise<{ partition: number; offset: string }[]> {
    const leaders = new Map(this.#cluster.findTopicPartitionMetadata(topic).map(({ partitionId, leader }) => [partitionId, leader]))
    const found = new Set<number>()
    for (const leader of new Set(leaders.values())) {
      let wanted = ends.filter(({ partition }) => leaders.get(partition) === leader)
      // A broker may answer for some of the partitions only; each round brings at least one.
      while (wanted.length > 0) {
        const answered = await this.#fetch(topic, leader, wanted, back)
        if (answered.length === 0) throw new Error(`broker ${leader} sent no record of ${topic}`)
        for (const { partition, seq, end } of answered) {
          if (seq === undefined) continue
          found.add(partition)
          this.#note(topic, partition, { seq, end })
        }
        wanted = wanted.filter(({ partition }) => !answered.some((one) => one.partition === partition))
      }
    }
    return ends.filter(({ partition }) => !found.has(partition))
  }

  async #fetch(topic: string, leader: number, wanted: readonly { partition: number; offset: string }[], back: number) {
    const broker = await this.#cluster.findBroker({ nodeId: leader })
    const partitions = wanted.map(({ partition, offset }) => ({
      partition,
      fetchOffset: String(Math.max(0, Number(offset) - back)),
      currentLeaderEpoch: -1,
      maxBytes: fetchSize,
    }))
    const request = { replicaId: -1, isolationLevel: 0, maxWaitTime: 1_000, minBytes: 1, maxBytes: fetchSize * 10, topics: [{ topic, partitions }] }
    const { responses } = await broker.fetch(request)
    return responses.flatMap((one) =>
      one.partitions
        .filter(({ messages }) => messages.length > 0)
        .map(({ partition, messages }) => {
          const seqs = messages.map(({ value }) => decode(value)).flatMap((event) => (typeof event === 'string' ? [] : [event.position.seq]))
          return { partition, seq: seqs.length > 0 ? Math.max(...seqs) : undefined, end: Number(messages.at(-1)?.offset) + 1 }
        }),
    )
  }

  #note(topic: string, p: number, head: Head): void {
    const known = this.#known.get(topic) ?? new Map<number, Head>()
    this.#known.set(topic, known)
    const before = known.get(p)
    known.set(p, { end: Math.max(head.end, before?.end ?? 0), seq: Math.max(head.seq, before?.seq ?? 0) })
  }
}
