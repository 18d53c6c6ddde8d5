/** The embedded bus: one durable log for all services of a process. */
import type { Position } from '@pavan/kernel'
import { Bus, type Subscription } from '@pavan/platform/bus/bus.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { BusCursor } from './bus-cursor.js'
import { BusLog } from './bus-log.js'
import type { Db } from './db.js'

export class SqliteBus extends Bus {
  readonly #log: BusLog
  /** One for each group, context and partition. */
  readonly #cursors = new Map<string, BusCursor>()
  readonly #subscriptions = new Set<Subscription>()

  constructor(db: Db) {
    super()
    this.#log = new BusLog(db)
  }

  async publish(events: readonly StoredEvent[]): Promise<void> {
    if (events.length === 0) return
    const partitions = await this.#log.append(events)
    for (const { context, p } of partitions)
      for (const subscription of this.#subscriptions) if (subscription.contexts.includes(context)) await this.#join(subscription, context, p)
    for (const cursor of this.#cursors.values()) if (partitions.some(({ context, p }) => cursor.context === context && cursor.p === p)) cursor.wake()
  }

  async subscribe(given: Subscription): Promise<() => Promise<void>> {
    const subscription = given.fromNow ? this.#fromNow(given) : given
    this.#subscriptions.add(subscription)
    for (const context of subscription.contexts) for (const p of this.#log.partitions(context)) await this.#join(subscription, context, p)
    return async () => {
      this.#subscriptions.delete(subscription)
      await Promise.all(
        [...this.#cursors].map(async ([name, cursor]) => {
          if (await cursor.leave(subscription)) this.#cursors.delete(name)
        }),
      )
    }
  }

  /** Partitions that do not exist yet are new as a whole. */
  #fromNow(subscription: Subscription): Subscription {
    const ends = new Map<string, number>()
    for (const context of subscription.contexts)
      for (const p of this.#log.partitions(context)) {
        const resolved = this.#log.resolved(subscription.group, { context, p })
        ends.set(`${context}:${p}`, resolved > 0 ? resolved : this.#log.last(context, p))
      }
    return {
      group: subscription.group,
      contexts: subscription.contexts,
      handle: (batch) => subscription.handle(batch),
      from: async (context, p) => (await subscription.from?.(context, p)) ?? ends.get(`${context}:${p}`) ?? 0,
    }
  }

  async heads(context: string): Promise<readonly Position[]> {
    return this.#log.partitions(context).map((p) => ({ p, seq: this.#log.last(context, p) }))
  }

  /** Ends all deliveries after the running batches. */
  async close(): Promise<void> {
    this.#subscriptions.clear()
    await Promise.all([...this.#cursors.values()].map((cursor) => cursor.close()))
    this.#cursors.clear()
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
    cursor.join(subscription)
  }
}
