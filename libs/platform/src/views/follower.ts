/** Hears every event in every copy of a service, where the copies share the work of the views: what one copy applied, the caches of all must know. */
import type { BusBatch } from '../bus/bus.js'
import type { BatchConsumer, BusTransport } from '../bus/bus-transport.js'
import { Positions } from '../bus/positions.js'
import type { StoredEvent } from '../events/event-store.js'

export class Follower implements BatchConsumer {
  readonly name: string
  /** A copy that starts has nothing in memory that history could make old. */
  readonly fromNow = true
  readonly #heads = new Map<string, number>()
  readonly #positions = new Positions(async (context, p) => this.#heads.get(`${context}:${p}`) ?? 0, false)

  constructor(
    copy: string,
    readonly contexts: readonly string[],
    private readonly hear: (batch: BusBatch) => Promise<void>,
    /** Whether this copy has to hear an event at once; the others it hears with them, or a moment later. */
    readonly concerns: (event: StoredEvent) => boolean,
  ) {
    this.name = `copy:${copy}`
  }

  async start(transport: BusTransport): Promise<void> {
    for (const context of this.contexts) for (const { p, seq } of await transport.heads(context)) this.#heads.set(`${context}:${p}`, seq)
    await transport.consume(this)
  }

  resume(context: string, p: number): Promise<number> {
    return this.#positions.of(context, p)
  }

  async handle({ context, p, events }: BusBatch): Promise<void> {
    const heard = await this.#positions.of(context, p)
    const news = events.filter((event) => event.position.seq > heard)
    const last = news.at(-1)
    if (!last) return
    await this.hear({ context, p, events: news })
    this.#positions.moved(context, p, last.position.seq, { stored: false })
  }

  /** Resolves when this copy has heard a position. */
  passed(context: string, p: number, seq: number): ReturnType<Positions['passed']> {
    return this.contexts.includes(context) ? this.#positions.passed(context, p, seq) : { reached: Promise.resolve(), cancel: () => {} }
  }
}
