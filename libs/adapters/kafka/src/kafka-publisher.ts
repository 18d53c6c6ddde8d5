/** Writes events to their topics. Order within a partition is the caller's: one relay publishes a partition, one batch after the other. */
import kafkajs, { type Kafka, type Message, type Producer, type RecordMetadata } from 'kafkajs'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { encode } from './cloud-event.js'
import { topicOf, type KafkaOptions } from './kafka-options.js'

/** Of what was written to a partition: the last sequence number, the first offset and the offset after the last. */
export interface Published {
  readonly context: string
  readonly p: number
  readonly seq: number
  readonly base: number
  readonly end: number
}

/** Bytes of records for one partition that are sent as one batch, far below what a topic takes. */
const largestBatch = 512 * 1024
/** Below this many bytes for each partition gzip gains nothing worth its time. */
const worthCompressing = 4 * 1024

export class KafkaPublisher {
  readonly #producer: Producer
  #connecting: Promise<void> | undefined

  constructor(
    kafka: Kafka,
    private readonly options: KafkaOptions,
  ) {
    // Not idempotent by Kafka's means: kafkajs takes a sequence number back when a send fails, also one that was stored, and the broker would then
    // take the next batch for a repetition of it and drop it. Repetitions do no harm here: consumers drop them by their own sequence numbers.
    this.#producer = kafka.producer({
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition as number,
      retry: { retries: 5 },
    })
  }

  async publish(events: readonly StoredEvent[]): Promise<readonly Published[]> {
    await this.#connect()
    const published: Published[] = []
    for (const part of parts(events, this.options)) published.push(...(await this.#send(part)))
    return published
  }

  close(): Promise<void> {
    return this.#producer.disconnect()
  }

  /**
   * kafkajs sends what a broker refused again to whoever leads the partition then, but never to a broker that has answered for other partitions before: where a leader has
   * moved there, it reports success without having sent (https://github.com/tulios/kafkajs/issues/1303). What no broker has answered for is sent again, until all is written.
   */
  async #send(part: Part): Promise<Published[]> {
    const compress = this.options.compression !== 'none' && part.bytes / part.partitions.size >= worthCompressing
    const written = await this.#producer.sendBatch({
      acks: -1,
      compression: compress ? kafkajs.CompressionTypes.GZIP : kafkajs.CompressionTypes.None,
      topicMessages: [...part.topics].map(([topic, { messages }]) => ({ topic, messages })),
    })
    const published = written.flatMap((one) => endOf(part, one) ?? [])
    const left = without(part, written)
    if (left.partitions.size === 0) return published
    if (left.partitions.size === part.partitions.size) throw new Error('no broker has answered for what was sent')
    return [...published, ...(await this.#send(left))]
  }

  #connect(): Promise<void> {
    this.#connecting ??= this.#producer.connect().catch((error: unknown) => {
      this.#connecting = undefined
      throw error
    })
    return this.#connecting
  }
}

interface Part {
  readonly topics: Map<string, { readonly context: string; readonly messages: Message[] }>
  readonly partitions: Set<string>
  bytes: number
}

/** The events in pieces that are not too large for a broker, in order. */
function* parts(events: readonly StoredEvent[], options: KafkaOptions): Generator<Part> {
  let part: Part = { topics: new Map(), partitions: new Set(), bytes: 0 }
  for (const event of events) {
    const record = encode(event)
    if (part.bytes > 0 && part.bytes + record.value.length > largestBatch) {
      yield part
      part = { topics: new Map(), partitions: new Set(), bytes: 0 }
    }
    const topic = topicOf(options, event.context)
    const known = part.topics.get(topic) ?? { context: event.context, messages: [] }
    part.topics.set(topic, known)
    part.partitions.add(`${topic}:${record.partition}`)
    known.messages.push({ ...record, headers: { ...record.headers } })
    part.bytes += record.value.length
  }
  if (part.bytes > 0) yield part
}

/** What lies in other partitions than those that were written. */
const without = (part: Part, written: readonly RecordMetadata[]): Part => {
  const answered = new Set(written.map(({ topicName, partition }) => `${topicName}:${partition}`))
  const partitions = new Set([...part.partitions].filter((place) => !answered.has(place)))
  if (partitions.size === 0) return { topics: new Map(), partitions, bytes: 0 }
  const topics = new Map(
    [...part.topics].flatMap(([topic, { context, messages }]) => {
      const left = messages.filter(({ partition }) => partitions.has(`${topic}:${partition}`))
      return left.length > 0 ? [[topic, { context, messages: left }] as const] : []
    }),
  )
  return { topics, partitions, bytes: Math.ceil((part.bytes * partitions.size) / part.partitions.size) }
}

/** Where the records of a partition ended; a broker that does not say so teaches nothing. */
const endOf = (part: Part, { topicName, partition, baseOffset }: RecordMetadata): Published | undefined => {
  const written = part.topics.get(topicName)
  const messages = written?.messages.filter((message) => message.partition === partition) ?? []
  const last = messages.at(-1)
  if (!written || !last || baseOffset === undefined || Number(baseOffset) < 0) return undefined
  const base = Number(baseOffset)
  return { context: written.context, p: partition, seq: Number(last.headers?.['seq']), base, end: base + messages.length }
}
