/** What the bus is told, and how a client of kafkajs is made of it. */
import kafkajs, { type Kafka, type KafkaConfig, type SASLOptions } from 'kafkajs'
import type { Log } from '@pavan/platform/telemetry/log.js'
import { calmQueues, useGzip } from './kafkajs-internals.js'

export interface KafkaOptions {
  /** `host:port` of some brokers; the rest of the cluster is learned from them. */
  readonly brokers: readonly string[]
  /** Topics are `<prefix>.<context>.v1`, groups `<prefix>.<group>`. */
  readonly prefix: string
  readonly log: Log
  /** Encryption of the connection; `true` trusts the system's certificate authorities. */
  readonly tls?: boolean | { readonly ca: string }
  readonly sasl?: SASLOptions
  /** Name under which the brokers' logs and quotas know this process. */
  readonly clientId?: string
  /** Records of a batch are compressed when there is enough to gain. Default gzip. */
  readonly compression?: 'gzip' | 'none'
  /** Milliseconds after which `publish`, `heads` and an unanswered request give up. Default 10,000. */
  readonly timeout?: number
  /**
   * Milliseconds that a fetch without records may wait at the broker; a record that comes is answered at once. A stop, and a member's part in a
   * rebalance, wait as long. Default 1,000: each group asks once a second while nothing happens.
   */
  readonly maxWait?: number
  /** Milliseconds without a sign of life after which a member's partitions go to others; brokers ask for at least 6,000. Default 6,000. */
  readonly session?: number
  /** Milliseconds after which new topics and partitions are noticed. Default 30,000. */
  readonly metadataAge?: number
}

export const defaults = { timeout: 10_000, maxWait: 1_000, session: 6_000, metadataAge: 30_000 } as const

/** Tries again soon and for long: with the defaults of kafkajs a consumer comes back half a minute after the broker. */
const retry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 10 }

/**
 * A client of its own for each consumer: clients share what they know of a group's offsets, and two members in one process would
 * wipe it for each other.
 */
export const makeClient = (options: KafkaOptions, more: Partial<KafkaConfig> = {}): Kafka => {
  calmQueues()
  useGzip()
  const tls = options.tls
  return new kafkajs.Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId ?? 'pavan',
    connectionTimeout: 1_000,
    authenticationTimeout: 5_000,
    requestTimeout: options.timeout ?? defaults.timeout,
    retry,
    ...(tls ? { ssl: tls === true ? true : { ca: [tls.ca] } } : {}),
    ...(options.sasl ? { sasl: options.sasl } : {}),
    logLevel: kafkajs.logLevel.INFO,
    // What kafkajs calls an error is often a reconnection that succeeds: we say what matters ourselves.
    logCreator:
      () =>
      ({ namespace, label, log: { message, groupId, broker, error } }) =>
        options.log.debug({ kafka: namespace, level: label, group: groupId, broker, reason: error }, message),
    ...more,
  })
}

export const topicOf = (options: Pick<KafkaOptions, 'prefix'>, context: string): string => `${options.prefix}.${context}.v1`
export const groupOf = (options: Pick<KafkaOptions, 'prefix'>, group: string): string => `${options.prefix}.${group}`
