/**
 * What kafkajs 2.2.4 does not offer by its public surface: everything that leans on its inside is in this file, and under a test.
 */
import type { Kafka } from 'kafkajs'
// @ts-expect-error kafkajs declares no types for its inside; `Queue` below says what we lean on.
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'

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

export interface RawBroker {
  readonly nodeId: number
  fetch(request: {
    replicaId: number
    isolationLevel: number
    maxWaitTime: number
    minBytes: number
    maxBytes: number
    topics: readonly { topic: string; partitions: readonly { partition: number; fetchOffset: string; currentLeaderEpoch: number; maxBytes: number }[] }[]
  }): Promise<{
    responses: readonly {
      topicName: string
      partitions: readonly { partition: number; errorCode: number; messages: readonly { offset: string; value: Buffer | null }[] }[]
    }[]
  }>
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

export const clusterOf = (kafka: Kafka, metadataMaxAge: number): RawCluster => {
  const make = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster')
  if (!make) throw new Error('this version of kafkajs is not the one that Pavan was made for: install 2.2.4')
  return (kafka as never as Record<symbol, (options: object) => RawCluster>)[make]!({ allowAutoTopicCreation: false, metadataMaxAge })
}
