/** Carries events from the store of a service to the bus, in order, without their secrets. */
import type { Bus } from '../bus/bus.js'
import type { Log } from '../telemetry/log.js'
import type { EventStore, StoredEvent } from './event-store.js'

const batch = 500
const firstWait = 50
const lastWait = 5000

export class Relay {
  #wanted = false
  #running: Promise<void> | undefined
  #published = 0
  /** Sequence number of the last event that was read. */
  #read = 0
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
    this.#published = Math.max(0, ...(await this.bus.heads(this.context)).map((head) => head.seq))
    this.#stopListening = this.store.onAppend(() => this.#wake())
    await this.#wake()
  }

  /** Sequence number of the last published event. */
  get published(): number {
    return this.#published
  }

  /** The partitions that this copy publishes: the last event of the store that it knows of, and the last one on the bus. */
  progress(): readonly { readonly p: number; readonly head: number; readonly published: number }[] {
    return [{ p: 0, head: Math.max(this.#read, this.#published), published: this.#published }]
  }

  /** Why the last try failed, until one succeeds: the error's name, because messages may quote values. */
  get lastError(): string | undefined {
    return this.#lastError
  }

  #wake(): Promise<void> {
    this.#wanted = true
    this.#running ??= this.#run().finally(() => {
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
        for (;;) {
          const events = await this.store.readAll({ p: 0, seq: this.#published }, batch)
          if (events.length === 0) break
          this.#read = (events.at(-1) as StoredEvent).position.seq
          await this.bus.publish(events.map(withoutSecret))
          this.#published = this.#read
          this.#lastError = undefined
          wait = firstWait
          if (events.length < batch) break
        }
      } catch (error) {
        this.#wanted = true
        this.#lastError = `events could not be published: ${error instanceof Error ? error.name : 'thrown value'}`
        this.log.error({ context: this.context, error }, 'events could not be published; trying again')
        await new Promise((resolve) => setTimeout(resolve, wait))
        wait = Math.min(wait * 2, lastWait)
      }
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
