/**
 * What views and reactions share: a checkpoint per partition, committed with what was done; every event once;
 * a stream that fails is parked, the others go on.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { StoredEvent } from '../events/event-store.js'
import { KeyedMutex } from '../service/keyed-mutex.js'
import { StorageUnavailable } from '../service/storage-unavailable.js'
import type { Log } from '../telemetry/log.js'
import type { Changes } from '../views/define-view.js'
import type { Checkpoint, Look, RowChange, Rows } from '../views/rows.js'
import { FallenBehind, type BusBatch } from './bus.js'
import { CheckpointTimer } from './checkpoint-timer.js'
import { describe, nameOf, ParkedStreams, type ParkedStream } from './parked-streams.js'
import { Positions } from './positions.js'
import { SharedExclusiveLock } from './shared-exclusive-lock.js'
import { fromLook, StaleLook } from './stale-look.js'
import { UnwrittenEvents, type Unwritten } from './unwritten.js'

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

/** Up to where the events of a partition are done. */
interface Done {
  readonly context: string
  readonly p: number
  readonly to: number
  /** Whether one of them was this consumer's business. */
  readonly concerned: boolean
}

export abstract class EventConsumer {
  readonly #positions: Positions
  readonly #parked: ParkedStreams
  readonly #storeLater = new CheckpointTimer(() => void this.#storePositions())
  readonly #listeners = new Set<(changes: Changes) => void>()
  /** Lets those go that wait in `doneElsewhere`. */
  readonly #waiting = new Set<() => void>()
  #left = false
  /** Retries and the like run alone. */
  readonly #lock = new SharedExclusiveLock()
  /** After partitions have moved, one may be handed over while a batch of it is still at work. */
  readonly #inOrder = new KeyedMutex()
  #loading: Promise<void> | undefined
  #pending = 0

  protected constructor(
    /** Group on the bus and name of the checkpoint. */
    readonly name: string,
    readonly contexts: readonly string[],
    protected readonly rows: Rows,
    protected readonly log: Log,
    private readonly durability: Checkpoint['durability'] = 'rebuildable',
  ) {
    this.#positions = new Positions((context, p) => rows.checkpoint(name, context, p, durability), rows.shared)
    this.#parked = new ParkedStreams(name, rows, log)
  }

  /** Whether an event is this consumer's business. */
  abstract concerns(event: StoredEvent): boolean

  /** Whether any event of a batch is this consumer's; where none is, none is looked at. */
  protected concernsAny(_batch: BusBatch): boolean {
    return true
  }

  /** The changes that an event makes. A throw parks the event's stream. Undefined: the event is none of this consumer's. */
  protected abstract process(event: StoredEvent, unwritten: Unwritten): Promise<Changes> | Changes | undefined

  /** Told of the events of a batch before the first of them is processed, where rows are shared: they are far away, and this may spare time. */
  protected foresee(_events: readonly StoredEvent[], _look: Look): void {}

  /** Told of an event that could not be processed, so that its stream is parked. */
  protected onParked(_event: StoredEvent, _error: unknown): void {}

  /** What is written with the changes of a parked event that went through after all. */
  protected afterRetry(_event: StoredEvent): Changes {
    return []
  }

  /** Works on a parked event once more; the changes are written in it. */
  protected again(_event: StoredEvent, work: () => Promise<void>): Promise<void> {
    return work()
  }

  /**
   * So many events are done without a turn of the event loop in between; what they change is committed together. A consumer with a limit leaves room for others:
   * it takes one partition after the other.
   */
  atOnce(): number {
    return Infinity
  }

  /** Loads what is parked; before the first batch. Whoever asks before it has begun shares it: partitions come many at once. */
  load(): Promise<void> {
    return (this.#loading ??= this.#lock.exclusive(async () => {
      this.#loading = undefined
      for (const stream of await this.#parked.load()) void this.retry(stream).catch(() => false)
    }))
  }

  /** Where to begin with a partition that comes to this copy: what another copy did with it, and what it parked, is read again. */
  async resume(context: string, p: number): Promise<number> {
    if (!this.rows.shared) return this.position(context, p)
    this.#positions.disown()
    this.#storeLater.hurry()
    await this.load()
    return this.#positions.look(context, p)
  }

  /** Passes a batch at once where nothing in it is this consumer's business and nothing else has to be done; answers whether it did. */
  pass(batch: BusBatch): boolean {
    if (this.#pending > 0 || !this.#parked.none || this.rows.shared || this.concernsAny(batch)) return false
    const { context, p, events } = batch
    const done = this.#positions.known(context, p)
    const to = events.at(-1)?.position.seq ?? 0
    if (done === undefined || to - this.#positions.stored(context, p) >= unstoredEvents) return false
    if (to > done) this.#positions.moved(context, p, to, { stored: false })
    return true
  }

  /**
   * Called by the bus. Where copies share the rows they may meet anyway, and most of a batch is waiting for the database: batches of several partitions run side by
   * side (docs/adr/0061-partitions-side-by-side.md).
   */
  async handle(batch: BusBatch): Promise<void> {
    this.#pending += batch.events.length
    const sideBySide = this.rows.shared && this.atOnce() === Infinity
    const run = (): Promise<void> => (batch.events.length <= this.atOnce() ? this.#take(batch) : this.#inParts(batch))
    try {
      await (sideBySide ? this.#inOrder.run([`${batch.context}:${batch.p}`], () => this.#lock.shared(run)) : this.#lock.exclusive(run))
    } finally {
      this.#pending -= batch.events.length
    }
  }

  async #inParts({ context, p, events, after }: BusBatch): Promise<void> {
    for (let from = 0, size = this.atOnce(); from < events.length; from += size, size = this.atOnce()) {
      if (from > 0) await turn()
      await this.#take({ context, p, events: events.slice(from, from + size), after })
    }
  }

  #take(batch: BusBatch): Promise<void> {
    return fromLook(this.rows, (look) => this.#work(batch, look))
  }

  async #work(batch: BusBatch, look: Look): Promise<void> {
    const { context, p, events } = batch
    const done = await this.position(context, p)
    if (done < (batch.after ?? 0)) throw new FallenBehind(done, batch)
    if (this.#parked.none && !this.concernsAny(batch)) {
      const to = events.at(-1)?.position.seq ?? 0
      return to > done ? this.#advance([], { context, p, to, concerned: false }) : undefined
    }
    const unwritten = new UnwrittenEvents(done, look, async (changes, { look: read, ...write }) => {
      await this.#advance(changes, { context, p, ...write }, read)
      return this.rows.look()
    })
    if (this.rows.shared)
      this.foresee(
        events.filter(({ position }) => position.seq > done),
        look,
      )
    /** Streams with events that this batch parks. */
    const parkedNow = new Set<string>()
    try {
      for (const event of events) {
        if (event.position.seq <= unwritten.upTo) continue
        // Most events are none of most consumers' business: names are made only where they are needed.
        const stream = this.#parked.none && parkedNow.size === 0 ? undefined : nameOf(event)
        if (stream !== undefined && (parkedNow.has(stream) || (await this.#parked.holds(stream)))) {
          unwritten.add(event, [this.#parked.parkBehind(event)])
          parkedNow.add(stream)
          continue
        }
        try {
          const changes = this.process(event, unwritten)
          unwritten.add(event, changes instanceof Promise ? await changes : changes)
        } catch (error) {
          // Where those before it could not be written, it is not this event that is wrong.
          await unwritten.flushed()
          unwritten.add(event, [this.#parkUnlessAway(event, error)])
          parkedNow.add(nameOf(event))
        }
      }
      await unwritten.write()
    } catch (error) {
      if (!isDeterministic(error)) throw error
      await this.#oneByOne({ context, p, events: events.filter((event) => event.position.seq > unwritten.written) })
    }
    if (this.rows.shared) for (const stream of parkedNow) void this.#free(stream).catch(() => {})
  }

  /** One of the changes of a batch cannot be stored: it is found event by event, and only its stream is parked. */
  async #oneByOne({ context, p, events }: BusBatch): Promise<void> {
    for (const event of events) {
      const done = { context, p, to: event.position.seq, concerned: true }
      try {
        await fromLook(this.rows, async (look) => {
          const changes = (await this.#parked.holds(nameOf(event)))
            ? [this.#parked.parkBehind(event)]
            : await this.alone(event, look).catch((error: unknown) => [this.#parkUnlessAway(event, error)])
          await this.#advance(changes, done, look)
        })
      } catch (error) {
        if (!isDeterministic(error)) throw error
        await this.#advance([this.#park(event, error)], done)
      }
    }
  }

  /** The changes of an event by itself. */
  protected async alone(event: StoredEvent, look: Look): Promise<Changes> {
    return (await this.process(event, { changes: [], look, flush: async () => {} })) ?? []
  }

  /** Throws where it is not the event that is wrong: the bus brings the batch again until the rows are back. */
  #parkUnlessAway(event: StoredEvent, error: unknown): RowChange<any> {
    if (error instanceof StorageUnavailable || error instanceof StaleLook) throw error
    return this.#park(event, error)
  }

  #park(event: StoredEvent, error: unknown): RowChange<any> {
    this.onParked(event, error)
    return this.#parked.park(event, error)
  }

  /** An event that was parked behind another one, which another copy got through in the same moment, waits for nobody. */
  async #free(stream: string): Promise<void> {
    if (await this.#parked.waitsForNobody(stream)) await this.retry(stream)
  }

  /** Writes changes with the checkpoint. Without a change it can wait, unless something was done that another copy would do again. */
  async #advance(changes: Changes, { context, p, to, concerned }: Done, look?: Look): Promise<void> {
    const from = this.#positions.stored(context, p)
    const { shared } = this.rows
    if (changes.length > 0 || to - from >= unstoredEvents || (shared && concerned))
      return this.#write(changes, { consumer: this.name, context, p, from, to, durability: this.durability }, look)
    this.#positions.moved(context, p, to, { stored: false })
    if (shared) this.#storeLater.start()
  }

  /** Stores how far this consumer is where the checkpoint says less; never rejects. What cannot be stored now is stored a little later. */
  #storePositions(): Promise<void> {
    this.#storeLater.stop()
    return this.#lock.exclusive(async () => {
      // Side by side, because batches wait meanwhile.
      const stores = this.#positions.unstored().map(async (place) => {
        try {
          await this.#write([], { consumer: this.name, durability: this.durability, ...place })
        } catch (error) {
          // A partition that is another copy's by now has a checkpoint that this one does not move: its position is the stored one then.
          this.#storeLater.startAgain()
          this.log.debug({ consumer: this.name, context: place.context, p: place.p, reason: describe(error) }, 'a position could not be stored')
        }
      })
      await Promise.all(stores)
    })
  }

  async #write(changes: Changes, checkpoint: Checkpoint, look?: Look): Promise<void> {
    const { context, p, from, to } = checkpoint
    const result = await this.rows.apply(changes, checkpoint, look)
    if (result.applied) {
      this.#parked.written(changes)
      this.#tell(changes)
      this.#positions.moved(context, p, to, { stored: true, from })
      return
    }
    if (result.because === 'stale') throw new StaleLook()
    if (result.because === 'condition') throw this.#unfit(changes, result.failed)
    this.#positions.moved(context, p, result.stored, { stored: true })
    if (result.stored < from)
      this.log.warn({ consumer: this.name, context, p, stored: result.stored, from }, 'the storage has lost what was done; it is done again')
    throw new Error(`${this.name}: another copy moved the checkpoint to ${result.stored}`)
  }

  #unfit(changes: Changes, failed: number): TypeError {
    return new TypeError(`${this.name}: change ${failed} does not hold: ${changes[failed]?.op} in ${changes[failed]?.table.name}`)
  }

  #tell(changes: Changes): void {
    if (changes.length > 0) for (const listener of this.#listeners) listener(changes)
  }

  onApplied(listener: (changes: Changes) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Tries the parked events of a stream again, in order; answers whether all went through. */
  retry(stream: string): Promise<boolean> {
    return this.#lock.exclusive(() =>
      this.#parked.retry(stream, (event, unpark) => this.again(event, () => fromLook(this.rows, (look) => this.#redo(event, unpark, look)))),
    )
  }

  /** Writes the changes of a parked event together with the one that unparks it. */
  async #redo(event: StoredEvent, unpark: RowChange<any>, look: Look): Promise<void> {
    const changes = await this.alone(event, look)
    const result = await this.rows.apply([...changes, unpark, ...this.afterRetry(event)], undefined, look)
    if (result.applied) this.#tell(changes)
    else if (result.because === 'stale') throw new StaleLook()
    // `unpark` fails where another copy tried the same event meanwhile: what is left of the stream is read again.
    else if (result.because === 'condition' && result.failed < changes.length) throw this.#unfit(changes, result.failed)
  }

  /** Gives up the first parked event of a stream, for a reason that goes to the log, and tries the rest. */
  async skip(stream: string, reason: string): Promise<boolean> {
    await this.#lock.exclusive(() => this.#parked.skip(stream, reason))
    return this.retry(stream)
  }

  /** Last sequence number that is done, as far as this copy knows. */
  position(context: string, p: number): Promise<number> {
    return this.#positions.of(context, p)
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
    const reached = await this.#unlessLeft(this.passed(context, p, to))
    if (reached && this.#positions.did(context, p, from, to)) return undefined
    if (early !== undefined) return early
    // It was believed to be done here: partitions have moved.
    if (reached) this.#positions.disown()
    return look()
  }

  /** Whether a wait came to its end before this consumer left. */
  async #unlessLeft({ reached, cancel }: ReturnType<EventConsumer['passed']>): Promise<boolean> {
    let leave = () => {}
    const left = new Promise<boolean>((resolve) => (leave = () => resolve(false)))
    this.#waiting.add(leave)
    if (this.#left) leave()
    try {
      return await Promise.race([reached.then(() => true), left])
    } finally {
      this.#waiting.delete(leave)
      cancel()
    }
  }

  /** This copy does no more of it. Whoever waits in `doneElsewhere` is let go: perhaps nobody does, and the bus cannot close before. */
  leave(): void {
    this.#left = true
    for (const leave of this.#waiting) leave()
  }

  status(): ConsumerStatus {
    return { name: this.name, positions: this.#positions.all(), pending: this.#pending, ...this.#parked.status() }
  }

  /** Waits for what is running, and stores what is done. */
  async idle(): Promise<void> {
    if (this.#storeLater.runs) await this.#storePositions()
    await this.#lock.idle()
  }
}
