/** The bus on Apache Kafka: one topic for each context, one consumer group for each group. */
import type { Admin } from 'kafkajs'
import type { Position } from '@pavan/kernel'
import { Bus, type Subscription } from '@pavan/platform/bus/bus.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import type { BusAdapters } from '@pavan/platform/service/compose-adapters.js'
import type { Finding } from '@pavan/platform/service/finding.js'
import { checkKafka, type Expected } from './check-kafka.js'
import { within } from './kafka-errors.js'
import { KafkaHeads } from './kafka-heads.js'
import { defaults, makeClient, type KafkaOptions } from './kafka-options.js'
import { KafkaPublisher } from './kafka-publisher.js'
import { KafkaSubscription } from './kafka-subscription.js'
import { SharedReader } from './shared-reader.js'

class KafkaBus extends Bus {
  override readonly pace = 25
  override readonly unhurriedPace = 250
  readonly #publisher: KafkaPublisher
  readonly #heads: KafkaHeads
  readonly #reader: SharedReader
  readonly #subscriptions = new Set<KafkaSubscription>()
  #admin: Promise<Admin> | undefined

  constructor(private readonly options: KafkaOptions) {
    super()
    this.#publisher = new KafkaPublisher(makeClient(options), options)
    this.#heads = new KafkaHeads(options)
    this.#reader = new SharedReader(options)
  }

  async publish(events: readonly StoredEvent[]): Promise<void> {
    if (events.length === 0) return
    this.#heads.learn(await within(this.#timeout, 'publish', () => this.#publisher.publish(events)))
  }

  async subscribe(subscription: Subscription): Promise<() => Promise<void>> {
    const member = new KafkaSubscription(
      this.options,
      { admin: () => this.#connectedAdmin(), heads: (context) => this.heads(context) },
      subscription,
      this.#reader,
    )
    this.#subscriptions.add(member)
    await member.start()
    return async () => {
      this.#subscriptions.delete(member)
      await member.stop()
    }
  }

  heads(context: string): Promise<readonly Position[]> {
    return within(this.#timeout, 'heads', () => this.#heads.of(context))
  }

  /** Leaves every group after the running batches and closes all connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((member) => member.stop()))
    this.#subscriptions.clear()
    const admin = await this.#admin?.catch(() => undefined)
    await Promise.allSettled([this.#publisher.close(), this.#heads.close(), this.#reader.close(), admin?.disconnect()])
  }

  get #timeout(): number {
    return this.options.timeout ?? defaults.timeout
  }

  #connectedAdmin(): Promise<Admin> {
    const admin = makeClient(this.options).admin()
    this.#admin ??= admin.connect().then(
      () => admin,
      (error: unknown) => {
        this.#admin = undefined
        throw error
      },
    )
    return this.#admin
  }
}

export interface KafkaAdapters extends Omit<BusAdapters, 'check'> {
  /** What an operator should know or mend, for contexts whose topics should be there. */
  check(expected: Expected): Promise<readonly Finding[]>
}

export const kafkaBus = (options: KafkaOptions): KafkaAdapters => {
  const bus = new KafkaBus(options)
  return { name: 'kafka', bus, check: (expected) => checkKafka(options, expected), close: () => bus.close() }
}
