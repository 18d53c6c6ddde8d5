/**
 * The Nest transport of events: whatever the bus is made of, batches come to Nest's message handlers through it.
 * A batch is resolved only when its handler has finished, so that nothing that failed counts as done.
 */
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices'
import type { Position } from '@pavan/kernel'
import { isObservable, lastValueFrom } from 'rxjs'
import type { StoredEvent } from '../events/event-store.js'
import { metrics } from '../telemetry/metrics.js'
import type { Bus, BusBatch } from './bus.js'

const delay = metrics.histogram('pavan_consumer_delay_seconds', {
  description: 'Time from the command that wrote an event until a view or reaction has done it; the oldest event of each batch.',
  unit: 's',
  labels: ['service', 'consumer'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
})
/** What is older, in milliseconds, is history that is built from again or was imported. */
const history = 3_600_000

/** What an `@EventPattern` names: a group of consumers and the contexts that it listens to. */
export interface ConsumerPattern {
  readonly group: string
  readonly contexts: readonly string[]
}

/** Something that takes batches and knows how far it has got. */
export interface BatchConsumer {
  readonly name: string
  /** New groups begin with what is published from now on. */
  readonly fromNow?: boolean
  /** As in a subscription. */
  readonly interval?: number
  /** As in a subscription. */
  atOnce?(): number
  readonly contexts: readonly string[]
  handle(batch: BusBatch): Promise<void>
  /** As in a subscription. */
  pass?(batch: BusBatch): boolean
  /** As in a subscription. */
  concerns?(event: StoredEvent): boolean
  /** Last sequence number that needs not come again; asked whenever a partition comes to this copy. */
  resume(context: string, p: number): Promise<number>
}

type Stop = () => Promise<void>

export class BusTransport extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol('pavan-bus')
  readonly #consumers = new Map<string, BatchConsumer>()
  readonly #subscriptions = new Map<string, Promise<Stop>>()
  #listening = false

  constructor(
    private readonly bus: Bus,
    /** Name of the service: groups of two services are never the same. */
    private readonly service: string,
  ) {
    super()
  }

  async listen(callback: (error?: unknown) => void): Promise<void> {
    this.#listening = true
    try {
      await Promise.all([...this.messageHandlers.keys()].map((pattern) => this.#subscribe(pattern)))
      callback()
    } catch (error) {
      callback(error)
    }
  }

  /** Adds a consumer, also while the transport is running. Returns how to take it away. */
  async consume(consumer: BatchConsumer): Promise<Stop> {
    const pattern = this.normalizePattern({ group: consumer.name, contexts: consumer.contexts } as never)
    this.#consumers.set(pattern, consumer)
    this.addHandler(pattern, (batch: BusBatch) => consumer.handle(batch) as never, true)
    if (this.#listening) await this.#subscribe(pattern)
    return async () => {
      await (
        await this.#subscriptions.get(pattern)
      )?.()
      this.#subscriptions.delete(pattern)
      this.#consumers.delete(pattern)
      this.messageHandlers.delete(pattern)
    }
  }

  heads(context: string): Promise<readonly Position[]> {
    return this.bus.heads(context)
  }

  async close(): Promise<void> {
    this.#listening = false
    const stops = await Promise.all(this.#subscriptions.values())
    this.#subscriptions.clear()
    await Promise.all(stops.map((stop) => stop()))
  }

  #subscribe(pattern: string): Promise<Stop> {
    const running = this.#subscriptions.get(pattern)
    if (running) return running
    // Nest writes the list of a pattern as an object with the indexes as keys.
    const { group, contexts: listed } = JSON.parse(pattern) as ConsumerPattern
    const contexts = Object.values(listed)
    const consumer = this.#consumers.get(pattern)
    // Nest normalizes a pattern at each look-up; this one does not change.
    let handler: MessageHandler | null = null
    const subscription = this.bus.subscribe({
      group: `${this.service}/${group}`,
      contexts,
      handle: (batch) => this.#deliver(pattern, (handler ??= this.getHandlerByPattern(pattern)), batch),
      ...(consumer?.fromNow ? { fromNow: true } : {}),
      ...(consumer?.interval ? { interval: consumer.interval } : {}),
      ...(consumer?.atOnce ? { atOnce: () => consumer.atOnce?.() ?? Infinity } : {}),
      ...(consumer?.pass ? { pass: (batch: BusBatch) => consumer.pass?.(batch) ?? false } : {}),
      ...(consumer?.concerns ? { concerns: (event: StoredEvent) => consumer.concerns?.(event) ?? true } : {}),
      ...(consumer ? { from: (context: string, p: number) => consumer.resume(context, p) } : {}),
    })
    this.#subscriptions.set(pattern, subscription)
    return subscription
  }

  async #deliver(pattern: string, handler: MessageHandler | null, batch: BusBatch): Promise<void> {
    const result = await handler?.(batch)
    if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined })
    const age = Date.now() - (batch.events[0]?.at ?? 0)
    const consumer = this.#consumers.get(pattern)?.name.split('@', 1)[0]
    if (consumer !== undefined && age < history) delay.record(Math.max(0, age) / 1000, { service: this.service, consumer })
  }

  on(): never {
    throw new Error('the bus transport has no events of its own')
  }

  unwrap<T>(): T {
    return this.bus as T
  }
}
