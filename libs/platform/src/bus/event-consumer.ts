/**
 * What views and reactions share: a checkpoint per partition, committed with what was done; every event once;
 * a stream that fails is parked, the others go on.
 */
import { streamName } from '@pavan/kernel'
import type { StoredEvent } from '../events/event-store.js'
import type { Log } from '../telemetry/log.js'
import { put, remove } from '../views/changes.js'
import type { Changes } from '../views/define-view.js'
import type { Checkpoint, RowChange, Rows } from '../views/rows.js'
import type { BusBatch } from './bus.js'
import { parkedEvents, parkedKey, type ParkedEvent } from './parked-events.js'

export interface ParkedStream {
  readonly stream: string
  readonly type: string
  readonly error: string
  readonly parkedAt: number
  /** Events of the stream that wait, the failed one included. */
  readonly waiting: number
}

export interface ConsumerStatus {
  readonly name: string
  /** `context:p` → last sequence number that is done. */
  readonly positions: Readonly<Record<string, number>>
  /** Events that the bus has handed over and that are not done. */
  readonly pending: number
  readonly parked: readonly ParkedStream[]
  readonly lastError?: string
}

/** So many events without a change may be seen again after a restart. */
const unstoredEvents = 1000

/** A failure that another try cannot mend: the code and the event do not fit. Anything else thrown by storage is tried again by the bus. */
const isDeterministic = (error: unknown): boolean => error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError

export abstract class EventConsumer {
  /** What is done, by `context:p`. */
  readonly #positions = new Map<string, number>()
  /** What of it is stored. Events that change nothing are not worth a write each: to see them again is harmless. */
  readonly #stored = new Map<string, number>()
  readonly #parked = new Map<string, ParkedStream>()
  readonly #waiters = new Set<{ context: string; p: number; seq: number; resolve: () => void }>()
  readonly #listeners = new Set<(changes: Changes) => void>()
  #queue: Promise<unknown> = Promise.resolve()
  #pending = 0
  #lastError: string | undefined

  protected constructor(
    /** Group on the bus and name of the checkpoint. */
    readonly name: string,
    readonly contexts: readonly string[],
    protected readonly rows: Rows,
    protected readonly log: Log,
    private readonly durability: Checkpoint['durability'] = 'rebuildable',
  ) {}

  /** The changes that an event makes. A throw parks the event's stream. Undefined: the event is none of this consumer's. */
  protected abstract process(event: StoredEvent, flush: () => Promise<void>, pending: Changes): Promise<Changes> | Changes | undefined

  /** Called by the bus; batches of several partitions run one after the other. */
  handle(batch: BusBatch): Promise<void> {
    this.#pending += batch.events.length
    return this.exclusive(() => this.#handle(batch)).finally(() => (this.#pending -= batch.events.length))
  }

  /** Last sequence number that is done, read from the rows the first time. */
  async position(context: string, p: number): Promise<number> {
    const known = this.#positions.get(`${context}:${p}`)
    if (known !== undefined) return known
    const stored = await this.rows.checkpoint(this.name, context, p, this.durability)
    const now = this.#positions.get(`${context}:${p}`)
    if (now === undefined) {
      this.#positions.set(`${context}:${p}`, stored)
      this.#stored.set(`${context}:${p}`, stored)
    }
    return now ?? stored
  }

  /** Loads what is parked; before the first batch. */
  async load(): Promise<void> {
    let cursor: string | undefined
    do {
      const page = await this.rows.find(parkedEvents, { index: 'byStream', where: { consumer: this.name }, limit: 1000, cursor })
      for (const row of page.items) this.#noteParked(row)
      cursor = page.next
    } while (cursor)
  }

  /** Resolves when the consumer has passed a position; never rejects. */
  passed(context: string, p: number, seq: number): { readonly reached: Promise<void>; cancel(): void } {
    const waiter = { context, p, seq, resolve: () => {} }
    const reached = new Promise<void>((resolve) => (waiter.resolve = resolve))
    this.#waiters.add(waiter)
    void this.position(context, p).then(() => this.#wake())
    return { reached, cancel: () => this.#waiters.delete(waiter) }
  }

  onApplied(listener: (changes: Changes) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  status(): ConsumerStatus {
    return {
      name: this.name,
      positions: Object.fromEntries(this.#positions),
      pending: this.#pending,
      parked: [...this.#parked.values()],
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    }
  }

  /** Tries the parked events of a stream again, in order; answers whether all went through. */
  retry(stream: string): Promise<boolean> {
    return this.exclusive(async () => {
      for (;;) {
        const { items } = await this.rows.find(parkedEvents, { index: 'byStream', where: { consumer: this.name, stream }, limit: 100 })
        if (items.length === 0) break
        for (const row of items) {
          const event = JSON.parse(row.event) as StoredEvent
          try {
            const changes = (await this.process(event, async () => {}, [])) ?? []
            await this.#write([...changes, remove(parkedEvents, parkedKey(this.name, event))])
          } catch (error) {
            const reason = describe(error)
            await this.rows.apply([put(parkedEvents, parkedKey(this.name, event), { ...row, error: reason, attempts: row.attempts + 1 })])
            this.#parked.set(stream, { ...(this.#parked.get(stream) as ParkedStream), error: reason })
            return false
          }
        }
      }
      this.#parked.delete(stream)
      return true
    })
  }

  /** Gives up the first parked event of a stream, for a reason that goes to the log, and tries the rest. */
  async skip(stream: string, reason: string): Promise<boolean> {
    await this.exclusive(async () => {
      const { items } = await this.rows.find(parkedEvents, { index: 'byStream', where: { consumer: this.name, stream }, limit: 1 })
      const row = items[0]
      if (!row) return
      await this.rows.apply([remove(parkedEvents, parkedKey(this.name, JSON.parse(row.event) as StoredEvent))])
      this.log.warn({ consumer: this.name, stream, type: row.type, seq: row.seq, reason }, 'a parked event was skipped by an operator')
    })
    return this.retry(stream)
  }

  /** Waits for what is running. */
  async idle(): Promise<void> {
    await this.#queue.catch(() => {})
  }

  /** One thing at a time: batches, retries. */
  protected exclusive<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(run, run)
    this.#queue = result.catch(() => {})
    return result
  }

  async #handle({ context, p, events }: BusBatch): Promise<void> {
    let done = await this.position(context, p)
    let pending: RowChange<any>[] = []
    /** Up to which event `pending` is complete. */
    let upTo = done
    const flush = async (): Promise<void> => {
      if (upTo === done) return
      const changes = pending
      pending = []
      await this.#advance(changes, context, p, upTo)
      done = upTo
    }
    for (const event of events) {
      if (event.position.seq <= upTo) continue
      const stream = `${event.context}/${streamName(event.stream)}`
      if (this.#parked.has(stream)) pending.push(this.#park(event, stream, ''))
      else {
        try {
          const changes = this.process(event, flush, pending)
          const made = changes instanceof Promise ? await changes : changes
          if (made !== undefined) pending.push(...made)
        } catch (error) {
          pending.push(this.#park(event, stream, describe(error)))
        }
      }
      upTo = event.position.seq
    }
    const from = done
    try {
      await flush()
    } catch (error) {
      if (!isDeterministic(error)) throw error
      // One of the changes cannot be stored. Find it event by event; only its stream is parked.
      await this.#oneByOne({ context, p, events: events.filter((event) => event.position.seq > from) })
    }
  }

  async #oneByOne({ context, p, events }: BusBatch): Promise<void> {
    for (const event of events) {
      const stream = `${event.context}/${streamName(event.stream)}`
      const { seq } = event.position
      try {
        const parked = this.#parked.has(stream)
        await this.#advance(parked ? [this.#park(event, stream, '')] : ((await this.process(event, async () => {}, [])) ?? []), context, p, seq)
      } catch (error) {
        if (!isDeterministic(error)) throw error
        await this.#advance([this.#park(event, stream, describe(error))], context, p, seq)
      }
    }
  }

  async #advance(changes: Changes, context: string, p: number, to: number): Promise<void> {
    const place = `${context}:${p}`
    const from = this.#stored.get(place) ?? 0
    if (changes.length === 0 && to - from < unstoredEvents) {
      this.#positions.set(place, to)
      return this.#wake()
    }
    await this.#write(changes, { consumer: this.name, context, p, from, to, durability: this.durability })
  }

  async #write(changes: Changes, checkpoint?: Checkpoint): Promise<void> {
    const result = await this.rows.apply(changes, checkpoint)
    if (result.applied) {
      if (checkpoint) {
        this.#positions.set(`${checkpoint.context}:${checkpoint.p}`, checkpoint.to)
        this.#stored.set(`${checkpoint.context}:${checkpoint.p}`, checkpoint.to)
      }
      if (changes.length > 0) for (const listener of this.#listeners) listener(changes)
      this.#wake()
      return
    }
    if (result.because === 'checkpoint') {
      this.#positions.set(`${checkpoint?.context}:${checkpoint?.p}`, result.stored)
      this.#stored.set(`${checkpoint?.context}:${checkpoint?.p}`, result.stored)
      throw new Error(`${this.name}: another copy moved the checkpoint to ${result.stored}`)
    }
    throw new TypeError(`${this.name}: change ${result.failed} does not hold: ${changes[result.failed]?.op} in ${changes[result.failed]?.table.name}`)
  }

  #park(event: StoredEvent, stream: string, error: string): RowChange<any> {
    const row: ParkedEvent = {
      consumer: this.name,
      stream,
      seq: event.position.seq,
      type: event.type,
      event: JSON.stringify(event),
      error,
      parkedAt: Date.now(),
      attempts: error ? 1 : 0,
    }
    if (error) {
      this.#lastError = error
      this.log.error(
        { consumer: this.name, stream, type: event.type, seq: event.position.seq, reason: error },
        'an event could not be processed; its stream is parked',
      )
    }
    this.#noteParked(row)
    return put(parkedEvents, parkedKey(this.name, event), row)
  }

  #noteParked(row: ParkedEvent): void {
    const known = this.#parked.get(row.stream)
    this.#parked.set(
      row.stream,
      known ? { ...known, waiting: known.waiting + 1 } : { stream: row.stream, type: row.type, error: row.error, parkedAt: row.parkedAt, waiting: 1 },
    )
  }

  #wake(): void {
    for (const waiter of this.#waiters) {
      if ((this.#positions.get(`${waiter.context}:${waiter.p}`) ?? 0) < waiter.seq) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }
}

/** What may be shown of an error: name and message of our own code; never what a driver or parser quotes. */
const describe = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 300) : 'thrown value')
