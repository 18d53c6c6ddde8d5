/** Carries events from the store of a service to the bus, in order, without their secrets. */
import type { Position } from '@pavan/kernel'
import type { Bus } from '../bus/bus.js'
import type { Log } from '../telemetry/log.js'
import { tracing } from '../telemetry/tracing.js'
import type { EventStore, StoredEvent } from './event-store.js'

const batch = 500
const firstWait = 50
const lastWait = 5000

export class Relay {
  #wanted = false
  #running: Promise<void> | undefined
  /** Partition → sequence number of the last published event, for the partitions that this copy publishes. */
  readonly #published = new Map<number, number>()
  #lastError: string | undefined
  #stopListening: (() => void) | undefined
  #closed = false

  constructor(
    /** Name of the service. */
    private readonly context: string,
    private readonly store: EventStore,
    private readonly bus: Bus,
    private readonly log: Log,
  ) {}

  /** Begins after what the bus has already; a crash between publishing and anything else repeats nothing that matters. */
  async start(): Promise<void> {
    this.#stopListening = this.store.onAppend(() => this.#wake())
    await this.#wake()
  }

  /** The partitions that this copy publishes: the last event of the store, and the last one on the bus. */
  progress(): readonly { readonly p: number; readonly head: number; readonly published: number }[] {
    return this.store.owned().map(({ p, seq }) => ({ p, head: seq, published: this.#published.get(p) ?? 0 }))
  }

  /** Why the last try failed, until one succeeds: the error's name, because messages may quote values. */
  get lastError(): string | undefined {
    return this.#lastError
  }

  #wake(): Promise<void> {
    this.#wanted = true
    this.#running ??= tracing
      .detached(() => this.#run())
      .finally(() => {
        this.#running = undefined
        if (this.#wanted && !this.#closed) void this.#wake()
      })
    return this.#running
  }

  async #run(): Promise<void> {
    let wait = firstWait
    while (this.#wanted && !this.#closed) {
      this.#wanted = false
      try {
        const owned = this.store.owned()
        await this.#take(owned)
        for (const { p, seq } of owned) if (seq > (this.#published.get(p) as number)) await this.#publish(p)
        this.#lastError = undefined
        wait = firstWait
      } catch (error) {
        this.#wanted = true
        this.#lastError = `events could not be published: ${error instanceof Error ? error.name : 'thrown value'}`
        this.log.error({ context: this.context, error }, 'events could not be published; trying again')
        await new Promise((resolve) => setTimeout(resolve, wait))
        wait = Math.min(wait * 2, lastWait)
      }
    }
  }

  /**
   * Looks which partitions are this copy's. One that is new begins after what the bus has of it. Should its former copy still be publishing,
   * both publish the same events in the same order, so the first of each comes in order, and consumers drop the second.
   */
  async #take(owned: readonly Position[]): Promise<void> {
    for (const p of this.#published.keys()) if (!owned.some((one) => one.p === p)) this.#published.delete(p)
    if (owned.every(({ p }) => this.#published.has(p))) return
    const heads = new Map((await this.bus.heads(this.context)).map(({ p, seq }) => [p, seq]))
    for (const { p } of owned) if (!this.#published.has(p)) this.#published.set(p, heads.get(p) ?? 0)
  }

  async #publish(p: number): Promise<void> {
    for (;;) {
      const events = await this.store.readAll({ p, seq: this.#published.get(p) as number }, batch)
      if (events.length === 0) return
      await this.bus.publish(events.map(withoutSecret))
      this.#published.set(p, (events.at(-1) as StoredEvent).position.seq)
      if (events.length < batch) return
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#stopListening?.()
    await this.#running
  }
}

const withoutSecret = (event: StoredEvent): StoredEvent => {
  if (event.secret === undefined) return event
  const { secret: _secret, ...open } = event
  return open
}
