/**
 * What views and reactions share: a checkpoint per partition, committed with what was done; every event once;
 * a stream that fails is parked, the others go on.
 */
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { streamName } from '@pavan/kernel'
import type { StoredEvent } from '../events/event-store.js'
import { isKnown, NewerSchema } from '../events/upcasters.js'
import { StorageUnavailable } from '../service/storage-unavailable.js'
import type { Log } from '../telemetry/log.js'
import { patch, put, remove } from '../views/changes.js'
import type { Changes } from '../views/define-view.js'
import type { Checkpoint, Look, RowChange, Rows } from '../views/rows.js'
import type { BusBatch } from './bus.js'
import { Positions } from './positions.js'
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
/**
 * Where other copies learn from the checkpoint how far this one is: milliseconds until it is stored although nothing was to be done. Most events are
 * none of most consumers' business, and a write for each of them would be most of what the database has to do. A reader in another copy does not wait
 * for it (see `Views.waitFor`); only a copy that has just come does, so for a while after partitions moved it is stored soon.
 */
const storeAfterMs = 60_000
const storeSoonMs = 50
const movedLatelyMs = 15_000
const storeAgainMs = 500

/** A failure that another try cannot mend: the code and the event do not fit. Anything else thrown by storage is tried again by the bus. */
const isDeterministic = (error: unknown): boolean => error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError

/** What follows from the events of a batch so far and is not written yet. */
export interface Unwritten {
  readonly changes: Changes
  /** Reads from which further changes follow. */
  readonly get: Look['get']
  /** Writes the changes of the events before this one. */
  flush(): Promise<void>
}

/** A row was changed by another copy after it was read: the events are worked on once more. */
class StaleLook extends Error {
  override readonly name = 'StaleLook'
  constructor() {
    super('another copy changed rows that were read')
  }
}
/** So often, before the bus brings the batch again. */
const staleTries = 8

export abstract class EventConsumer {
  readonly #positions: Positions
  readonly #parked = new Map<string, ParkedStream>()
  readonly #listeners = new Set<(changes: Changes) => void>()
  #queue: Promise<unknown> = Promise.resolve()
  #pending = 0
  #lastError: string | undefined
  #storing: NodeJS.Timeout | undefined
  /** Until when positions are stored soon, by the monotonic clock. */
  #soonUntil = 0

  protected constructor(
    /** Group on the bus and name of the checkpoint. */
    readonly name: string,
    readonly contexts: readonly string[],
    protected readonly rows: Rows,
    protected readonly log: Log,
    private readonly durability: Checkpoint['durability'] = 'rebuildable',
  ) {
    this.#positions = new Positions((context, p) => rows.checkpoint(name, context, p, durability), rows.shared)
  }

  /** The changes that an event makes. A throw parks the event's stream. Undefined: the event is none of this consumer's. */
  protected abstract process(event: StoredEvent, unwritten: Unwritten): Promise<Changes> | Changes | undefined

  /** Whether any event of a batch is this consumer's; where none is, none is looked at. */
  protected concernsAny(_batch: BusBatch): boolean {
    return true
  }

  /** Told of an event that could not be processed, so that its stream is parked. */
  protected onParked(_event: StoredEvent, _error: unknown): void {}

  /** Works on a parked event once more; the changes are written in it. */
  protected again(_event: StoredEvent, work: () => Promise<void>): Promise<void> {
    return work()
  }

  /** So many events are done without a turn of the event loop in between; what they change is committed together. */
  atOnce(): number {
    return Infinity
  }

  /** Called by the bus; batches of several partitions run one after the other. */
  handle(batch: BusBatch): Promise<void> {
    this.#pending += batch.events.length
    return this.exclusive(() => (batch.events.length <= this.atOnce() ? this.#take(batch) : this.#inParts(batch))).finally(
      () => (this.#pending -= batch.events.length),
    )
  }

  async #inParts({ context, p, events }: BusBatch): Promise<void> {
    for (let from = 0, size = this.atOnce(); from < events.length; from += size, size = this.atOnce()) {
      if (from > 0) await turn()
      await this.#take({ context, p, events: events.slice(from, from + size) })
    }
  }

  /** Whether an event is this consumer's business. */
  abstract concerns(event: StoredEvent): boolean

  /** Passes a batch at once where nothing in it is this consumer's business and nothing else has to be done; answers whether it did. */
  pass(batch: BusBatch): boolean {
    if (this.#pending > 0 || this.#parked.size > 0 || this.rows.shared || this.concernsAny(batch)) return false
    const { context, p, events } = batch
    const done = this.#positions.known(context, p)
    const to = events.at(-1)?.position.seq ?? 0
    if (done === undefined || to - this.#positions.stored(context, p) >= unstoredEvents) return false
    if (to > done) this.#positions.moved(context, p, to, { stored: false })
    return true
  }

  /** Last sequence number that is done, as far as this copy knows. */
  position(context: string, p: number): Promise<number> {
    return this.#positions.of(context, p)
  }

  /** Where to begin with a partition that comes to this copy: what another copy did with it, and what it parked, is read again. */
  async resume(context: string, p: number): Promise<number> {
    if (!this.rows.shared) return this.position(context, p)
    this.#positions.disown()
    this.#soonUntil = performance.now() + movedLatelyMs
    if (this.#storing) this.#storeLater(storeSoonMs)
    await this.load()
    return this.#positions.look(context, p)
  }

  /** Loads what is parked; before the first batch. */
  async load(): Promise<void> {
    const parked: ParkedEvent[] = []
    let cursor: string | undefined
    do {
      const page = await this.rows.find(parkedEvents, { index: 'byStream', where: { consumer: this.name }, limit: 1000, cursor })
      parked.push(...page.items)
      cursor = page.next
    } while (cursor)
    this.#parked.clear()
    for (const row of parked) this.#noteParked(row)
    // What waited for newer code may be what this code knows.
    for (const row of parked)
      if (row.error.startsWith(`${NewerSchema.name}:`) && isKnown(JSON.parse(row.event) as StoredEvent)) void this.retry(row.stream).catch(() => false)
  }

  /** Resolves when the consumer has passed a position, in whichever copy of the service; never rejects. */
  passed(context: string, p: number, seq: number): { readonly reached: Promise<void>; cancel(): void } {
    return this.#positions.passed(context, p, seq)
  }

  /**
   * Waits until the events of a partition are done from one sequence number to another. Answers nothing where this copy did them, which has told its listeners, and otherwise
   * what `look` found: before the wait, unless this copy most likely works on the partition, because events that remove rows are best asked while the rows are there.
   */
  async doneElsewhere<T>(context: string, p: number, [from, to]: readonly [number, number], look: () => Promise<T>): Promise<T | undefined> {
    const early = this.#positions.isOwn(context, p) ? undefined : await look()
    await this.passed(context, p, to).reached
    if (this.#positions.did(context, p, from, to)) return undefined
    this.#positions.disown()
    return early ?? (await look())
  }

  onApplied(listener: (changes: Changes) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  status(): ConsumerStatus {
    return {
      name: this.name,
      positions: this.#positions.all(),
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
        for (const row of items) if (!(await this.#retryOne(row))) return false
      }
      this.#parked.delete(stream)
      return true
    })
  }

  async #retryOne(row: ParkedEvent): Promise<boolean> {
    const event = JSON.parse(row.event) as StoredEvent
    const key = parkedKey(this.name, event)
    try {
      await this.again(event, () =>
        this.#fromSure(async (look) => {
          const changes = await this.alone(event, look)
          const result = await this.rows.apply([...changes, remove(parkedEvents, key, { attempts: row.attempts })], undefined, look)
          if (result.applied) for (const listener of this.#listeners) listener(changes)
          else if (result.because === 'stale') throw new StaleLook()
          // The last change fails where another copy tried the same event meanwhile: what is left of the stream is read again.
          else if (result.because === 'condition' && result.failed < changes.length) throw this.#unfit(changes, result.failed)
        }),
      )
      return true
    } catch (error) {
      const reason = describe(error)
      const { applied } = await this.rows.apply([patch(parkedEvents, key, { error: reason, attempts: row.attempts + 1 }, { attempts: row.attempts })])
      const known = this.#parked.get(row.stream)
      if (known) this.#parked.set(row.stream, { ...known, error: reason })
      return !applied
    }
  }

  /** Gives up the first parked event of a stream, for a reason that goes to the log, and tries the rest. */
  async skip(stream: string, reason: string): Promise<boolean> {
    await this.exclusive(async () => {
      const row = await this.#firstParked(stream)
      if (!row) return
      const event = JSON.parse(row.event) as StoredEvent
      await this.rows.apply([remove(parkedEvents, parkedKey(this.name, event))])
      this.log.warn(
        { consumer: this.name, stream, type: row.type, seq: row.seq, reason, trace_id: traceIdOf(event) },
        'a parked event was skipped by an operator',
      )
    })
    return this.retry(stream)
  }

  /** Waits for what is running, and stores what is done. */
  async idle(): Promise<void> {
    if (this.#storing) await this.#storePositions()
    await this.#queue.catch(() => {})
  }

  /** One thing at a time: batches, retries. */
  protected exclusive<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(run, run)
    this.#queue = result.catch(() => {})
    return result
  }

  #take(batch: BusBatch): Promise<void> {
    return this.#fromSure((look) => this.#handle(batch, look))
  }

  /** Works from a quick look, and where that was not right any more from sure ones. */
  async #fromSure(work: (look: Look) => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(this.rows.look({ sure: attempt > 1 }))
      } catch (error) {
        if (!(error instanceof StaleLook) || attempt === staleTries) throw error
        // Two copies that want the same row do not run in step.
        if (attempt > 1) await pause(Math.random() * 10 * attempt)
      }
    }
  }

  /** The changes of an event by itself. */
  protected async alone(event: StoredEvent, look: Look): Promise<Changes> {
    return (await this.process(event, { changes: [], get: (table, key) => look.get(table, key), flush: async () => {} })) ?? []
  }

  async #handle(batch: BusBatch, first: Look): Promise<void> {
    const { context, p, events } = batch
    let done = await this.position(context, p)
    if (this.#parked.size === 0 && !this.concernsAny(batch)) {
      const last = events.at(-1)?.position.seq ?? 0
      return last > done ? this.#advance([], { context, p, to: last, concerned: false }) : undefined
    }
    let pending: RowChange<any>[] = []
    let look = first
    const unwritten: Unwritten = {
      get changes() {
        return pending
      },
      get: (table, key) => look.get(table, key),
      flush: () => flush(),
    }
    /** Up to which event `pending` is complete. */
    let upTo = done
    /** Whether an event up to there was this consumer's business. */
    let concerned = false
    /** Streams with events that this batch parks. */
    const parkedNow = new Set<string>()
    const flush = async (): Promise<void> => {
      if (upTo === done) return
      const changes = pending
      pending = []
      const mine = concerned
      concerned = false
      await this.#advance(changes, { context, p, to: upTo, concerned: mine, look })
      done = upTo
      look = this.rows.look()
    }
    for (const event of events) {
      if (event.position.seq <= upTo) continue
      // Most events are none of most consumers' business: names are made only where they are needed.
      const stream = this.#parked.size > 0 ? nameOf(event) : undefined
      if (stream !== undefined && this.#parked.has(stream) && (parkedNow.has(stream) || (await this.#isParked(stream)))) {
        parkedNow.add(stream)
        pending.push(this.#park(event, stream))
      } else {
        try {
          const changes = this.process(event, unwritten)
          const made = changes instanceof Promise ? await changes : changes
          if (made !== undefined) {
            pending.push(...made)
            concerned = true
          }
        } catch (error) {
          // It is not the event that is wrong: the bus brings the batch again until the rows are back.
          if (error instanceof StorageUnavailable || error instanceof StaleLook) throw error
          parkedNow.add(nameOf(event))
          pending.push(this.#park(event, nameOf(event), error))
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
    if (this.rows.shared) for (const stream of parkedNow) void this.#freed(stream)
  }

  /** Where other copies retry what this one parked, the rows know. */
  async #isParked(stream: string): Promise<boolean> {
    if (!this.rows.shared || (await this.#firstParked(stream))) return true
    this.#parked.delete(stream)
    return false
  }

  /** An event that was parked behind another one, which another copy got through in the same moment, waits for nobody. */
  async #freed(stream: string): Promise<void> {
    const first = await this.#firstParked(stream).catch(() => undefined)
    if (first?.error === '') await this.retry(stream).catch(() => false)
  }

  async #firstParked(stream: string): Promise<ParkedEvent | undefined> {
    return (await this.rows.find(parkedEvents, { index: 'byStream', where: { consumer: this.name, stream }, limit: 1 })).items[0]
  }

  async #oneByOne({ context, p, events }: BusBatch): Promise<void> {
    for (const event of events) {
      const stream = nameOf(event)
      const { seq } = event.position
      try {
        await this.#fromSure(async (look) => {
          const parked = this.#parked.has(stream) && (await this.#isParked(stream))
          const changes = parked ? [this.#park(event, stream)] : await this.alone(event, look)
          await this.#advance(changes, { context, p, to: seq, concerned: true, look })
        })
      } catch (error) {
        if (!isDeterministic(error)) throw error
        await this.#advance([this.#park(event, stream, error)], { context, p, to: seq, concerned: true })
      }
    }
  }

  async #advance(
    changes: Changes,
    { context, p, to, concerned, look }: { context: string; p: number; to: number; concerned: boolean; look?: Look },
  ): Promise<void> {
    const from = this.#positions.stored(context, p)
    if (changes.length === 0 && to - from < unstoredEvents) {
      if (!this.rows.shared) return this.#positions.moved(context, p, to, { stored: false })
      if (!concerned) {
        this.#positions.moved(context, p, to, { stored: false })
        if (!this.#storing) this.#storeLater(performance.now() < this.#soonUntil ? storeSoonMs : storeAfterMs)
        return
      }
    }
    await this.#write(changes, { consumer: this.name, context, p, from, to, durability: this.durability }, look)
  }

  /** Stores how far this consumer is where the checkpoint says less; never rejects. What cannot be stored now is stored a little later. */
  #storePositions(): Promise<void> {
    clearTimeout(this.#storing)
    this.#storing = undefined
    return this.exclusive(async () => {
      let failed = false
      for (const place of this.#positions.unstored()) {
        try {
          await this.#write([], { consumer: this.name, durability: this.durability, ...place })
        } catch (error) {
          // A partition that is another copy's by now has a checkpoint that this one does not move: its position is the stored one then.
          failed = true
          this.log.debug({ consumer: this.name, context: place.context, p: place.p, reason: describe(error) }, 'a position could not be stored')
        }
      }
      if (failed && !this.#storing) this.#storeLater(storeAgainMs)
    })
  }

  #storeLater(millis: number): void {
    clearTimeout(this.#storing)
    this.#storing = setTimeout(() => void this.#storePositions(), millis).unref()
  }

  async #write(changes: Changes, checkpoint: Checkpoint, look?: Look): Promise<void> {
    const result = await this.rows.apply(changes, checkpoint, look)
    if (result.applied) {
      if (changes.length > 0) for (const listener of this.#listeners) listener(changes)
      this.#positions.moved(checkpoint.context, checkpoint.p, checkpoint.to, { stored: true, from: checkpoint.from })
      return
    }
    if (result.because === 'stale') throw new StaleLook()
    if (result.because === 'checkpoint') {
      const { context, p } = checkpoint
      this.#positions.moved(context, p, result.stored, { stored: true })
      throw new Error(`${this.name}: another copy moved the checkpoint to ${result.stored}`)
    }
    throw this.#unfit(changes, result.failed)
  }

  #unfit(changes: Changes, failed: number): TypeError {
    return new TypeError(`${this.name}: change ${failed} does not hold: ${changes[failed]?.op} in ${changes[failed]?.table.name}`)
  }

  /** Without `thrown` the event only waits behind one that failed. */
  #park(event: StoredEvent, stream: string, ...thrown: [] | [unknown]): RowChange<any> {
    const error = thrown.length === 0 ? '' : describe(thrown[0])
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
      this.onParked(event, thrown[0])
      this.log.error(
        { consumer: this.name, stream, type: event.type, seq: event.position.seq, reason: error, trace_id: traceIdOf(event) },
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
}

const nameOf = (event: StoredEvent): string => `${event.context}/${streamName(event.stream)}`

/** What may be shown of an error: name and message of our own code; never what a driver or parser quotes. */
const describe = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 300) : 'thrown value')

/** W3C Trace Context, section 3.2.2.3. */
const traceIdOf = (event: StoredEvent): string | undefined => event.meta.traceparent?.split('-')[1]
