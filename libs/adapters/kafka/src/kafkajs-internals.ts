/**
 * What kafkajs 2.2.4 does not offer by its public surface: everything that leans on its inside is in this file, and under a test.
 */
import { promisify } from 'node:util'
import zlib, { constants, gunzipSync, gzipSync } from 'node:zlib'
import kafkajs, { type Kafka, type KafkaMessage } from 'kafkajs'
// @ts-expect-error kafkajs declares no types for its inside; `Queue` below says what we lean on.
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'
// @ts-expect-error kafkajs declares no types for its inside.
import fetchVersions from 'kafkajs/src/protocol/requests/fetch/index.js'

interface Queue {
  throttledUntil: number
  pending: readonly unknown[]
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
  scheduleCheckPendingRequests(): void
}

/** Milliseconds between two looks at requests that wait for their turn. */
const interval = 10

/**
 * On every answer kafkajs sets a timer to look for waiting requests, which sets the next one: under Node 24 up to 2,200 timers a second on
 * an idle connection, 5 % of a core. Here a timer is set only while something waits or the broker asked us to hold back.
 */
export const calmQueues = (): void => {
  const queue = RequestQueue.prototype as Queue
  queue.scheduleCheckPendingRequests = function (this: Queue): void {
    const throttled = this.throttledUntil - Date.now()
    if (this.throttleCheckTimeoutId || (throttled <= 0 && this.pending.length === 0)) return
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      Math.max(throttled, interval),
    )
  }
}

/** Up to so many bytes gzip is done on the calling thread: a turn of the thread pool takes longer than the work. */
const onThisThread = 64 * 1024
/** Events become 3 % larger than at the default level, in a third to three quarters of the time. */
const fast = { level: constants.Z_BEST_SPEED }

/**
 * kafkajs loads its codec by `require` for each batch that it reads, which looks for the file in the list of all modules every time: 4 % of a process that hears
 * 200 events a second.
 */
export const useGzip = (): void => {
  const codec = {
    compress: async ({ buffer }: { buffer: Buffer }) => (buffer.length <= onThisThread ? gzipSync(buffer, fast) : await gzip(buffer, fast)),
    decompress: async (buffer: Buffer) => (buffer.length <= onThisThread ? gunzipSync(buffer) : await gunzip(buffer)),
  }
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.GZIP] = () => codec
}
const gzip = promisify(zlib.gzip)
const gunzip = promisify(zlib.gunzip)

export interface FetchRequest {
  readonly replicaId?: number
  readonly isolationLevel: number
  readonly maxWaitTime: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly fetchOffset: string
      readonly currentLeaderEpoch?: number
      readonly maxBytes: number
    }[]
  }[]
}

/** What kafkajs makes of an answer to a Fetch request (version 11): the fields that it, or we, look at. */
export interface FetchAnswer {
  /** Of the whole request; 0 or absent where nothing is wrong. */
  readonly errorCode?: number
  /** The session that the broker keeps for this reader; 0 or absent where it keeps none. */
  readonly sessionId?: number
  readonly responses: readonly {
    readonly topicName: string
    readonly partitions: readonly {
      readonly partition: number
      readonly errorCode: number
      readonly highWatermark: string
      readonly abortedTransactions: readonly never[]
      readonly preferredReadReplica: number
      readonly messages: readonly KafkaMessage[]
    }[]
  }[]
}

/** A fetch that says what has changed since the one before it in its session. */
export interface SessionFetch {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string }[] }[]
  readonly forgottenTopics: readonly { readonly topic: string; readonly partitions: readonly number[] }[]
}

interface FetchLimits {
  /** Milliseconds that the broker may wait for a record. */
  readonly maxWaitTime: number
  /** Of the whole answer. */
  readonly maxBytes: number
  /** Of one partition; a broker sends at least one whole batch. */
  readonly partitionBytes: number
}

export interface RawBroker {
  readonly nodeId: number
  fetch(request: FetchRequest): Promise<FetchAnswer>
  lookupRequest(apiKey: number, versions: object): (request: object) => object
}

/** The part of a cluster's connections that reads records without being a consumer, and sees what brokers say of themselves. */
export interface RawCluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  isConnected(): boolean
  addTargetTopic(topic: string): Promise<void>
  refreshMetadata(): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  findTopicPartitionMetadata(topic: string): readonly { partitionId: number; leader: number; replicas: readonly number[]; isr: readonly number[] }[]
  findBroker(of: { nodeId: number }): Promise<RawBroker>
  fetchTopicsOffset(
    topics: readonly { topic: string; fromBeginning: boolean; partitions: readonly { partition: number }[] }[],
  ): Promise<readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[]>
  readonly brokerPool: { readonly metadata: { readonly brokers: readonly { nodeId: number; host: string; port: number }[] } | null }
}

const otherVersion = 'this version of kafkajs is not the one that Pavan was made for: install 2.2.4'

type MakeCluster = (options: object) => RawCluster

const creatorOf = (kafka: Kafka): symbol => {
  const creator = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster')
  if (!creator) throw new Error(otherVersion)
  return creator
}

export const clusterOf = (kafka: Kafka, metadataMaxAge: number): RawCluster =>
  (kafka as never as Record<symbol, MakeCluster>)[creatorOf(kafka)]!({ allowAutoTopicCreation: false, metadataMaxAge })

/** Consumers of this client get their records from `fetch`, which may ask the broker itself. */
export const fetchBy = (kafka: Kafka, fetch: (request: FetchRequest, itself: () => Promise<FetchAnswer>) => Promise<FetchAnswer>): void => {
  const creators = kafka as never as Record<symbol, MakeCluster>
  const creator = creatorOf(kafka)
  const make = creators[creator]!
  creators[creator] = (options) => {
    const cluster = make(options)
    const find = cluster.findBroker.bind(cluster)
    const known = new WeakSet<RawBroker>()
    cluster.findBroker = async (of) => {
      const broker = await find(of)
      if (known.has(broker)) return broker
      known.add(broker)
      const itself = broker.fetch.bind(broker)
      broker.fetch = (request) => fetch(request, () => itself(request))
      return broker
    }
    return cluster
  }
}

const fetchKey = 1

/** kafkajs speaks of sessions in its Fetch requests, but its `fetch` does not take one. */
export const fetchInSession = (broker: RawBroker, { topics, ...session }: SessionFetch, { partitionBytes, ...limits }: FetchLimits): Promise<FetchAnswer> => {
  const request = broker.lookupRequest(
    fetchKey,
    fetchVersions as object,
  )({
    replicaId: -1,
    isolationLevel: 0,
    minBytes: 1,
    ...limits,
    ...session,
    topics: topics.map(({ topic, partitions }) => ({ topic, partitions: partitions.map((place) => ({ ...place, maxBytes: partitionBytes })) })),
  })
  return (broker as never as Record<symbol, (request: object) => Promise<FetchAnswer>>)[senderOf(broker)]!(request)
}

const senderOf = (broker: RawBroker): symbol => {
  const sender = Object.getOwnPropertySymbols(Object.getPrototypeOf(broker)).find(({ description }) => description === 'private:Broker:sendRequest')
  if (!sender) throw new Error(otherVersion)
  return sender
}
