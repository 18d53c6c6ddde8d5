/** Carries events from the store of a service to the bus, in order, without their secrets. */
import type { Position } from '@pavan/kernel'
import { withoutSecret, type Bus } from '../bus/bus.js'
import type { Log } from '../telemetry/log.js'
import { tracing } from '../telemetry/tracing.js'
import type { EventStore, StoredEvent } from './event-store.js'

const batch = 500
/** Partitions that are read and published side by side: order holds within a partition only, and each waits most of its time. */
export const publishAtOnce = 4
/** A partition with more news than that is published for itself, batch after batch. */
const fewEvents = 100
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
  /** When the last publication began, by the monotonic clock. */
  #lastBegun = -Infinity
  /** Somebody may be waiting for what is there to be published. */
  #hurry = true
  /** Ends a wait for events that nobody waits for. */
  #goOn: () => void = () => {}

  constructor(
    /** Name of the service. */
    private readonly context: string,
    private readonly store: EventStore,
    private readonly bus: Bus,
    private readonly log: Log,
  ) {}

  /** Begins after what the bus has already; a crash between publishing and anything else repeats nothing that matters. */
  async start(): Promise<void> {
    this.#stopListening = this.store.onAppend((hurry) => this.#wake(hurry))
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

  #wake(hurry = true): Promise<void> {
    this.#wanted = true
    if (hurry) {
      this.#hurry = true
      this.#goOn()
    }
    this.#running ??= tracing
      .detached(() => this.#run())
      .finally(() => {
        this.#running = undefined
        if (this.#wanted && !this.#closed) void this.#wake(this.#hurry)
      })
    return this.#running
  }

  async #run(): Promise<void> {
    let wait = firstWait
    while (this.#wanted && !this.#closed) {
      this.#wanted = false
      try {
        await this.#keepPace()
        await this.#take(this.store.owned())
        await this.#publishNews()
        this.#lastError = undefined
        wait = firstWait
      } catch (error) {
        this.#wanted = this.#hurry = true
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

  async #keepPace(): Promise<void> {
    const left = (pace: number): number => this.#lastBegun + pace - performance.now()
    const wait = left(this.bus.pace)
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    const calm = left(this.bus.unhurriedPace)
    if (calm > 0 && !this.#hurry && !this.#closed)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, calm)
        this.#goOn = () => (clearTimeout(timer), resolve())
      })
    // What came meanwhile goes along.
    this.#wanted = this.#hurry = false
    this.#lastBegun = performance.now()
  }

  /** Partitions with a few events go together; where that fails, and where there are many, each for itself. */
  async #publishNews(): Promise<void> {
    const news = this.store.owned().flatMap(({ p, seq }) => {
      const published = this.#published.get(p)
      return published === undefined || seq <= published ? [] : [{ p, seq, published }]
    })
    const few = news.filter(({ seq, published }) => seq - published <= fewEvents)
    const together = few.length > 1 && (await this.#publishTogether(few.map(({ p }) => p)))
    await this.#publishAll(news.filter((one) => !(together && few.includes(one))).map(({ p }) => p))
  }

  async #publishTogether(partitions: readonly number[]): Promise<boolean> {
    const read = await Promise.all(partitions.map(async (p) => this.store.readAll({ p, seq: this.#published.get(p) as number }, batch)))
    try {
      await this.bus.publish(read.flat().map(withoutSecret))
    } catch {
      // Which of them it was shows when each is published for itself.
      return false
    }
    for (const [at, events] of read.entries()) {
      const last = events.at(-1)
      if (last) this.#published.set(partitions[at] as number, last.position.seq)
    }
    return true
  }

  /** All of them are tried; the first failure is thrown when none is under way any more. */
  async #publishAll(partitions: readonly number[]): Promise<void> {
    const next = partitions.values()
    const lane = async (): Promise<void> => {
      for (const p of next) await this.#publish(p)
    }
    const lanes = await Promise.allSettled(Array.from({ length: Math.min(publishAtOnce, partitions.length) }, lane))
    for (const one of lanes) if (one.status === 'rejected') throw one.reason
  }

  /** One batch after the other. The next one is read while one is on its way. */
  async #publish(p: number): Promise<void> {
    const after = (seq: number): Promise<readonly StoredEvent[]> => this.store.readAll({ p, seq }, batch)
    let events = await after(this.#published.get(p) as number)
    while (events.length > 0) {
      const last = (events.at(-1) as StoredEvent).position.seq
      const publishing = this.bus.publish(events.map(withoutSecret))
      const [published, next] = await Promise.allSettled([publishing, events.length < batch ? [] : after(last)])
      if (published.status === 'rejected') throw published.reason
      this.#published.set(p, last)
      if (next.status === 'rejected') throw next.reason
      events = next.value
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#goOn()
    this.#stopListening?.()
    await this.#running
  }
}
