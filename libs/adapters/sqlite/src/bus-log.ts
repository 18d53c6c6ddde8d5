/** The log behind the embedded bus, with its newest events in memory: groups that keep up never read the file. */
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { busSchema } from './bus.program.js'
import type { Db } from './db.js'

export interface Partition {
  readonly context: string
  readonly p: number
}

/** Newest events of a partition, without gaps. */
interface Tail {
  events: StoredEvent[]
  last: number
  /** What was handed out last: groups that keep up all ask for the same events, and get the same array. */
  slice: { readonly after: number; readonly limit: number; readonly last: number; readonly events: readonly StoredEvent[] } | undefined
}
const tailLength = 2_000

export class BusLog {
  readonly #db: Db
  readonly #tails = new Map<string, Tail>()

  constructor(db: Db) {
    this.#db = db
    db.prepare(['schema', busSchema])
  }

  /** Writes records and answers which partitions they belong to. */
  async append(events: readonly StoredEvent[]): Promise<readonly Partition[]> {
    const records: (string | number)[] = []
    const partitions = new Map<string, Partition>()
    for (const event of events) {
      const { context, position } = event
      records.push(context, position.p, position.seq, JSON.stringify(event))
      partitions.set(nameOf(context, position.p), { context, p: position.p })
    }
    await this.#db.write(['publish', records], events.length)
    for (const event of events) this.#remember(event)
    return [...partitions.values()]
  }

  read(context: string, p: number, after: number, limit: number): readonly StoredEvent[] {
    const tail = this.#tails.get(nameOf(context, p))
    if (tail) {
      if (after >= tail.last) return []
      const first = tail.last - tail.events.length + 1
      if (after + 1 >= first) return sliceOf(tail, after, limit, after + 1 - first)
    }
    return this.#db.reader
      .statement('SELECT event FROM log WHERE context = ? AND p = ? AND seq > ? ORDER BY seq LIMIT ?')
      .all(context, p, after, limit)
      .map((row) => JSON.parse(row['event'] as string) as StoredEvent)
  }

  partitions(context: string): readonly number[] {
    return this.#db.reader
      .statement('SELECT p FROM partitions WHERE context = ? ORDER BY p')
      .all(context)
      .map((row) => row['p'] as number)
  }

  last(context: string, p: number): number {
    return (this.#db.reader.statement('SELECT coalesce(max(seq), 0) AS last FROM log WHERE context = ? AND p = ?').get(context, p) as { last: number }).last
  }

  /** What a group has resolved, when it leaves that to the bus. */
  resolved(group: string, { context, p }: Partition): number {
    const row = this.#db.reader.statement('SELECT seq FROM offsets WHERE consumers = ? AND context = ? AND p = ?').get(group, context, p) as
      | { seq: number }
      | undefined
    return row?.seq ?? 0
  }

  resolve(group: string, { context, p }: Partition, seq: number): Promise<void> {
    return this.#db.write(['resolved', group, context, p, seq])
  }

  /** Only records that follow each other are remembered; anything else is read from the file. */
  #remember(event: StoredEvent): void {
    const { p, seq } = event.position
    const name = nameOf(event.context, p)
    const tail = this.#tails.get(name)
    if (!tail) {
      // Older records may be missing here, so the memory begins where this process began to publish.
      if (seq === this.last(event.context, p)) this.#tails.set(name, { events: [event], last: seq, slice: undefined })
      return
    }
    if (seq <= tail.last) return
    if (seq !== tail.last + 1) {
      this.#tails.delete(name)
      return
    }
    tail.events.push(event)
    tail.last = seq
    if (tail.events.length > 2 * tailLength) tail.events = tail.events.slice(-tailLength)
  }
}

const sliceOf = (tail: Tail, after: number, limit: number, start: number): readonly StoredEvent[] => {
  const { slice, last } = tail
  if (slice && slice.after === after && slice.last === last && slice.limit === limit) return slice.events
  const events = tail.events.slice(start, start + limit)
  tail.slice = { after, limit, last, events }
  return events
}

const nameOf = (context: string, p: number): string => `${p}/${context}`
