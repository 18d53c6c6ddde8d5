/** Runs one generation of one view: event → row changes, committed with the checkpoint. */
import type { Attributes } from '@opentelemetry/api'
import { contextsOf } from '@pavan/contracts'
import { typesOf } from '../bus/batch-types.js'
import type { BusBatch } from '../bus/bus.js'
import { EventConsumer } from '../bus/event-consumer.js'
import type { Unwritten } from '../bus/unwritten.js'
import type { StoredEvent } from '../events/event-store.js'
import { upcast } from '../events/upcasters.js'
import type { BlindIndex } from '../privacy/blind-index.js'
import type { EventCipher, Part } from '../privacy/event-cipher.js'
import { messageAttributes, spanOfEvent } from '../telemetry/event-spans.js'
import type { Log } from '../telemetry/log.js'
import { tracing, type RunningSpan } from '../telemetry/tracing.js'
import type { Changes, Current, EventHandler, ViewDefinition, ViewHandler } from './define-view.js'
import { retriedIn } from './generations.js'
import { MappedRows, physical } from './live-tables.js'
import type { Look, RowChange, Rows, TableDefinition } from './rows.js'

interface HandlersByType<H> {
  readonly contexts: readonly string[]
  of(event: StoredEvent): readonly H[]
  /** Whether any event of a batch has a handler. */
  some(batch: BusBatch): boolean
}

/** Handlers by event type; `every` ones come after them. */
export const handlersByType = <H>(handlers: readonly EventHandler<H>[]): HandlersByType<H> => {
  const byType = new Map<string, H[]>()
  const every = handlers.filter((one) => !one.type)
  const contexts = new Set<string>()
  for (const { type, contexts: given, handle } of handlers) {
    for (const context of given ?? (type ? contextsOf(type.type) : [])) contexts.add(context)
    if (type) byType.set(type.type, [...(byType.get(type.type) ?? []), handle])
  }
  const none: readonly H[] = []
  return {
    contexts: [...contexts],
    some: ({ context, events }) => {
      if (every.some((one) => one.contexts?.includes(context))) return true
      for (const type of typesOf(events)) if (byType.has(type)) return true
      return false
    },
    of: (event) => {
      const typed = byType.get(event.type) ?? none
      if (every.length === 0) return typed
      return [...typed, ...every.filter((one) => one.contexts?.includes(event.context)).map((one) => one.handle)]
    },
  }
}

/**
 * Events that are done at once while a view is built beside the one that people read: a fraction of a millisecond of work in one process, where a commit of so
 * few costs little, and where rows are shared as few as keep the database busy enough (docs/adr/0054-readers-go-first-while-a-view-is-built.md).
 */
const calmEvents = { own: 4, shared: 50 }

/** What an event changes where none before it in its batch changes what its handlers read. */
interface Foreseen {
  readonly reads: readonly (readonly [table: string, key: string])[]
  readonly changes: Promise<Changes>
}

const personalOnly: readonly Part[] = ['personal']
const withOrigin: readonly Part[] = ['personal', 'origin']

export class ViewRunner extends EventConsumer {
  readonly #handlers
  /** By event id, of the batch that is being worked on. */
  readonly #spans = new Map<string, RunningSpan>()
  /** By the look of a batch, which is another one after each write of it, and goes with it. */
  readonly #foreseen = new WeakMap<Look, ReadonlyMap<StoredEvent, Foreseen>>()

  constructor(
    readonly view: ViewDefinition,
    readonly generation: number,
    rows: Rows,
    private readonly cipher: EventCipher,
    log: Log,
    private readonly blindIndex: () => Promise<BlindIndex>,
  ) {
    const handlers = handlersByType(view.on)
    const own = new Set(view.tables.map((table) => table.name))
    const map = <R extends object>(table: TableDefinition<R>) => (own.has(table.name) ? physical(table, generation) : table)
    super(`view:${view.name}@${generation}`, handlers.contexts, new MappedRows(rows, map), log, view.tables[0]?.durability)
    this.#handlers = handlers
  }

  /** Set while the view is built beside one that people read: they go first. */
  calm = false

  override atOnce(): number {
    return this.calm ? calmEvents[this.rows.shared ? 'shared' : 'own'] : Infinity
  }

  get interval(): number | undefined {
    return this.view.interval
  }

  async open(): Promise<void> {
    await this.rows.open(this.view.tables as never)
    await this.load()
  }

  /** Spans reach until the change is committed, so that their ends say when it was visible. */
  override async handle(batch: BusBatch): Promise<void> {
    if (!tracing.source) return super.handle(batch)
    for (const event of batch.events) {
      const span = this.#handlers.of(event).length > 0 ? this.#span(event, batch.events.length) : undefined
      if (span) this.#spans.set(event.id, span)
    }
    try {
      await super.handle(batch)
      for (const event of batch.events) this.#endSpan(event)
    } catch (error) {
      for (const event of batch.events) this.#endSpan(event, error)
      throw error
    }
  }

  #span(event: StoredEvent, batch: number, more: Attributes = {}): RunningSpan | undefined {
    const attributes = { 'messaging.consumer.group.name': this.name, 'pavan.view': this.view.name, ...more }
    return spanOfEvent(event, 'apply', 'consumer', { ...messageAttributes(event, 'process', batch), ...attributes })
  }

  #endSpan(event: StoredEvent, error?: unknown): void {
    this.#spans.get(event.id)?.end(error)
    this.#spans.delete(event.id)
  }

  protected override onParked(event: StoredEvent, error: unknown): void {
    this.#endSpan(event, error)
  }

  protected override async again(event: StoredEvent, work: () => Promise<void>): Promise<void> {
    const span = this.#span(event, 1, { 'pavan.retry': true })
    if (!span) return work()
    try {
      await span.run(work)
      span.end()
    } catch (error) {
      span.end(error)
      throw error
    }
  }

  /** No event tells the caches of other copies that a parked one has gone through: they heard of it when it came. */
  protected override afterRetry(event: StoredEvent): Changes {
    return this.rows.shared ? [retriedIn(this.view, event.id)] : []
  }

  concerns(event: StoredEvent): boolean {
    return this.#handlers.of(event).length > 0
  }

  /** The rows that events change, to be read again: each as an empty patch. Nothing is written. */
  async touched(events: readonly StoredEvent[]): Promise<Changes> {
    // Most likely another copy writes these very rows now.
    const look = this.rows.look({ unsettled: true })
    // Whoever applies an event says why it cannot be; rows that do not change are not old.
    const changes = await Promise.all(events.map((event) => this.alone(event, look).catch((): Changes => [])))
    return changes.flat().flatMap(asTouch)
  }

  protected override concernsAny(batch: BusBatch): boolean {
    return this.#handlers.some(batch)
  }

  /** Rows that are shared are far away: what the events of a batch read travels together (docs/adr/0064-a-batch-reads-together.md). */
  protected override foresee(events: readonly StoredEvent[], look: Look): void {
    const concerned = events.filter((event) => this.concerns(event))
    if (concerned.length > 1) this.#foreseen.set(look, new Map(concerned.map((event) => [event, this.#foresee(event, look)])))
  }

  #foresee(event: StoredEvent, look: Look): Foreseen {
    const reads: [string, string][] = []
    const noted: Look = {
      get: (table, key) => {
        reads.push([table.name, key])
        return look.get(table, key)
      },
    }
    const changes = this.#run(this.#handlers.of(event), event, { changes: [], look: noted, flush: async () => {} })
    // What it throws is thrown when the event's turn has come.
    changes.catch(() => {})
    return { reads, changes }
  }

  protected process(stored: StoredEvent, unwritten: Unwritten): Promise<Changes> | undefined {
    const handlers = this.#handlers.of(stored)
    return handlers.length === 0 ? undefined : this.#inTurn(handlers, stored, unwritten)
  }

  async #inTurn(handlers: readonly ViewHandler[], stored: StoredEvent, unwritten: Unwritten): Promise<Changes> {
    const foreseen = this.#foreseen.get(unwritten.look)?.get(stored)
    if (foreseen) {
      await Promise.allSettled([foreseen.changes])
      if (!foreseen.reads.some(([table, key]) => lastTouching(unwritten.changes, table, key))) return foreseen.changes
    }
    return this.#run(handlers, stored, unwritten)
  }

  async #run(handlers: readonly ViewHandler[], stored: StoredEvent, unwritten: Unwritten): Promise<Changes> {
    const event = await this.cipher.open(upcast(stored), this.view.origins ? withOrigin : personalOnly)
    /** Rows that were read before the changes of earlier events were written: the look that they were read through is gone then. */
    let reads = 0
    let early = false
    const current: Current = {
      get: async (table, key) => {
        const last = lastTouching(unwritten.changes, table.name, key)
        // A row that is written as a whole, and does not expire, is what a reader would get.
        if (last?.op === 'put' && !table.expires) {
          reads++
          return last.row as never
        }
        if (last) {
          await unwritten.flush()
          early ||= reads > 0
        }
        reads++
        return unwritten.look.get(table, key)
      },
      blind: async (tenant, name, value) => (await this.blindIndex()).of(tenant, name, value),
    }
    const changes: RowChange<any>[] = []
    for (const handle of handlers) changes.push(...(await handle(event, current)))
    // Handlers do nothing but answer: asked again, they read through one look.
    return early ? this.#run(handlers, stored, unwritten) : changes
  }
}

const asTouch = (change: RowChange<any>): Changes => {
  if (!('key' in change)) return [change]
  const further = change.op === 'once' ? (change.then as Changes).flatMap(asTouch) : []
  return [{ ...change, op: 'patch', set: {} } as RowChange<any>, ...further]
}

/** The last change that is not written yet and may have to do with a row. */
const lastTouching = (changes: Changes, table: string, key: string): RowChange<any> | undefined =>
  changes.findLast(
    (change) =>
      (change.table.name === table && (change.op === 'remove-all' || change.key === key)) ||
      (change.op === 'once' && lastTouching(change.then as Changes, table, key) !== undefined),
  )
