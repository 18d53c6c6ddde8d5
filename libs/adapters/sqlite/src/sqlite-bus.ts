/**
 * The embedded bus. The log of a context is the store of its service, which is in this process and durable: nothing is written a second time.
 * What a relay publishes is there already; the bus tells those who wait for it.
 */
import type { Position } from '@pavan/kernel'
import { Bus, type Subscription } from '@pavan/platform/bus/bus.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { BusCursor } from './bus-cursor.js'
import { BusLog, partitionName, type ContextLog, type Partition } from './bus-log.js'
import type { Db } from './db.js'

export class SqliteBus extends Bus {
  readonly #log: BusLog
  /** One for each group, context and partition. */
  readonly #cursors = new Map<string, BusCursor>()
  readonly #subscriptions = new Set<Subscription>()
  /** The same cursors by partition. */
  readonly #partitions = new Map<string, Set<BusCursor>>()
  /** Partitions that every subscription of their context has been told of. */
  readonly #joined = new Set<string>()

  constructor(db: Db) {
    super()
    this.#log = new BusLog(db)
  }

  /** Delivers the events of a context out of this log, to those too who have subscribed before. */
  async carry(context: string, log: ContextLog): Promise<void> {
    this.#log.add(context, log)
    for (const { p, seq } of log.owned()) if (seq > 0) await this.#tell({ context, p }, seq)
  }

  /** The events have to be in the log of their context. */
  async publish(events: readonly StoredEvent[]): Promise<void> {
    const last = new Map<string, StoredEvent>()
    for (const event of events) last.set(partitionName({ context: event.context, p: event.position.p }), event)
    for (const { context, position } of last.values()) await this.#tell({ context, p: position.p }, position.seq)
  }

  async subscribe(given: Subscription): Promise<() => Promise<void>> {
    const subscription = given.fromNow ? this.#fromNow(given) : given
    this.#subscriptions.add(subscription)
    for (const context of subscription.contexts) for (const { p } of this.#log.heads(context)) await this.#join(subscription, context, p)
    return async () => {
      this.#subscriptions.delete(subscription)
      await Promise.all(
        [...this.#cursors].map(async ([name, cursor]) => {
          if (!(await cursor.leave(subscription))) return
          this.#cursors.delete(name)
          this.#partitions.get(partitionName(cursor))?.delete(cursor)
        }),
      )
    }
  }

  /** Partitions that do not exist yet are new as a whole. */
  #fromNow(subscription: Subscription): Subscription {
    const ends = new Map<string, number>()
    for (const context of subscription.contexts)
      for (const { p, seq } of this.#log.heads(context)) {
        const resolved = this.#log.resolved(subscription.group, { context, p })
        ends.set(`${context}:${p}`, resolved > 0 ? resolved : seq)
      }
    return {
      ...subscription,
      from: async (context, p) => (await subscription.from?.(context, p)) ?? ends.get(`${context}:${p}`) ?? 0,
    }
  }

  async heads(context: string): Promise<readonly Position[]> {
    return this.#log.heads(context)
  }

  /** Ends all deliveries after the running batches. */
  async close(): Promise<void> {
    this.#subscriptions.clear()
    await Promise.all([...this.#cursors.values()].map((cursor) => cursor.close()))
    this.#cursors.clear()
    this.#partitions.clear()
  }

  async #tell(partition: Partition, seq: number): Promise<void> {
    const { context, p } = partition
    this.#log.tell(partition, seq)
    const name = partitionName(partition)
    for (const cursor of this.#partitions.get(name) ?? []) cursor.wake()
    if (this.#joined.has(name)) return
    this.#joined.add(name)
    for (const subscription of this.#subscriptions) if (subscription.contexts.includes(context)) await this.#join(subscription, context, p)
  }

  async #join(subscription: Subscription, context: string, p: number): Promise<void> {
    const name = JSON.stringify([subscription.group, context, p])
    const existing = this.#cursors.get(name)
    if (existing) {
      existing.join(subscription)
      return
    }
    const from = await subscription.from?.(context, p)
    // The subscription may have ended, or another member of the group come first, while it looked up its place.
    if (!this.#subscriptions.has(subscription)) return
    const rival = this.#cursors.get(name)
    if (rival) {
      rival.join(subscription)
      return
    }
    const cursor = new BusCursor({ log: this.#log, group: subscription.group, context, p, from })
    this.#cursors.set(name, cursor)
    const partition = partitionName({ context, p })
    const others = this.#partitions.get(partition) ?? new Set()
    this.#partitions.set(partition, others.add(cursor))
    cursor.join(subscription)
  }
}
