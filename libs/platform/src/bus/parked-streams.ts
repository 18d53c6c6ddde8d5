/**
 * Streams of which a consumer could not process an event: that event and those behind it wait in rows, in order, until somebody tries them again or gives
 * the first one up. The other streams go on.
 */
import { streamName } from '@pavan/kernel'
import type { StoredEvent } from '../events/event-store.js'
import { isKnown, NewerSchema } from '../events/upcasters.js'
import type { Log } from '../telemetry/log.js'
import { traceField } from '../telemetry/tracing.js'
import { patch, put, remove } from '../views/changes.js'
import type { Changes } from '../views/define-view.js'
import type { RowChange, Rows } from '../views/rows.js'
import { parkedEvents, parkedKey, type ParkedEvent } from './parked-events.js'

export interface ParkedStream {
  readonly stream: string
  readonly type: string
  readonly error: string
  readonly parkedAt: number
  /** Events of the stream that wait, the failed one included. */
  readonly waiting: number
}

export class ParkedStreams {
  readonly #streams = new Map<string, ParkedStream>()
  #lastError: string | undefined

  constructor(
    private readonly consumer: string,
    private readonly rows: Rows,
    private readonly log: Log,
  ) {}

  get none(): boolean {
    return this.#streams.size === 0
  }

  status(): { readonly parked: readonly ParkedStream[]; readonly lastError?: string } {
    return { parked: [...this.#streams.values()], ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }) }
  }

  /** Reads what is parked; answers the streams that waited for newer code, and that this code knows. */
  async load(): Promise<readonly string[]> {
    const parked: ParkedEvent[] = []
    let cursor: string | undefined
    do {
      const page = await this.rows.find(parkedEvents, { index: 'byStream', where: { consumer: this.consumer }, limit: 1000, cursor })
      parked.push(...page.items)
      cursor = page.next
    } while (cursor)
    this.#streams.clear()
    for (const row of parked) this.#note(row)
    return parked.filter((row) => row.error.startsWith(`${NewerSchema.name}:`) && isKnown(eventOf(row))).map(({ stream }) => stream)
  }

  /** Whether events of a stream wait. Where other copies retry what this one parked, the rows know. */
  async holds(stream: string): Promise<boolean> {
    if (!this.#streams.has(stream)) return false
    if (!this.rows.shared || (await this.#first(stream))) return true
    this.#streams.delete(stream)
    return false
  }

  /** Whether the first event of a stream only waits: the one that failed has gone through in another copy. */
  async waitsForNobody(stream: string): Promise<boolean> {
    return (await this.#first(stream))?.error === ''
  }

  /** The change that parks an event that failed. */
  park(event: StoredEvent, failure: unknown): RowChange<any> {
    const error = describe(failure)
    this.#lastError = error
    this.log.error(
      { consumer: this.consumer, stream: nameOf(event), type: event.type, seq: event.position.seq, reason: error, ...traceField(event.meta) },
      'an event could not be processed; its stream is parked',
    )
    return this.#put(event, { error, attempts: 1 })
  }

  /** The change that parks an event behind one that failed. */
  parkBehind(event: StoredEvent): RowChange<any> {
    return this.#put(event, { error: '', attempts: 0 })
  }

  #put(event: StoredEvent, how: Pick<ParkedEvent, 'error' | 'attempts'>): RowChange<any> {
    const { type, position } = event
    const row = { consumer: this.consumer, stream: nameOf(event), seq: position.seq, type, event: JSON.stringify(event), parkedAt: Date.now(), ...how }
    return put(parkedEvents, parkedKey(this.consumer, event), row)
  }

  /** Told of changes that are committed: only then is a stream parked. */
  written(changes: Changes): void {
    for (const change of changes) if (change.op === 'put' && change.table === parkedEvents) this.#note(change.row as ParkedEvent)
  }

  #note({ stream, type, error, parkedAt }: ParkedEvent): void {
    const known = this.#streams.get(stream)
    this.#streams.set(stream, known ? { ...known, waiting: known.waiting + 1 } : { stream, type, error, parkedAt, waiting: 1 })
  }

  /**
   * Works on the parked events of a stream once more, in order; answers whether all went through. `work` commits `unpark` with what follows from the event,
   * and leaves it where only `unpark` does not hold: then another copy tries the same event.
   */
  async retry(stream: string, work: (event: StoredEvent, unpark: RowChange<any>) => Promise<void>): Promise<boolean> {
    for (;;) {
      const rows = await this.#read(stream, 100)
      if (rows.length === 0) break
      for (const row of rows) {
        const event = eventOf(row)
        try {
          await work(event, remove(parkedEvents, parkedKey(this.consumer, event), { attempts: row.attempts }))
          this.#oneLess(stream)
        } catch (error) {
          if (await this.#failedAgain(row, event, error)) return false
        }
      }
    }
    this.#streams.delete(stream)
    return true
  }

  /** Notes why an event failed this time; answers false where another copy tried it meanwhile. */
  async #failedAgain({ stream, type, attempts }: ParkedEvent, event: StoredEvent, failure: unknown): Promise<boolean> {
    const error = describe(failure)
    const { applied } = await this.rows.apply([patch(parkedEvents, parkedKey(this.consumer, event), { error, attempts: attempts + 1 }, { attempts })])
    const known = this.#streams.get(stream)
    if (known) this.#streams.set(stream, { ...known, type, error })
    return applied
  }

  /** Where another copy worked on the stream meanwhile, it may count one too few; as long as one waits it says so. */
  #oneLess(stream: string): void {
    const known = this.#streams.get(stream)
    if (known) this.#streams.set(stream, { ...known, waiting: Math.max(known.waiting - 1, 1) })
  }

  /** Gives up the first parked event of a stream, for a reason that goes to the log. */
  async skip(stream: string, reason: string): Promise<void> {
    const row = await this.#first(stream)
    if (!row) return
    const event = eventOf(row)
    await this.rows.apply([remove(parkedEvents, parkedKey(this.consumer, event))])
    this.#oneLess(stream)
    this.log.warn(
      { consumer: this.consumer, stream, type: row.type, seq: row.seq, reason, ...traceField(event.meta) },
      'a parked event was skipped by an operator',
    )
  }

  async #first(stream: string): Promise<ParkedEvent | undefined> {
    return (await this.#read(stream, 1))[0]
  }

  async #read(stream: string, limit: number): Promise<readonly ParkedEvent[]> {
    return (await this.rows.find(parkedEvents, { index: 'byStream', where: { consumer: this.consumer, stream }, limit })).items
  }
}

export const nameOf = (event: StoredEvent): string => `${event.context}/${streamName(event.stream)}`

const eventOf = (row: ParkedEvent): StoredEvent => JSON.parse(row.event) as StoredEvent

/** What may be shown of an error: name and message of our own code; never what a driver or parser quotes. */
export const describe = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 300) : 'thrown value')
