/** What the embedded bus delivers: the logs of the stores, each read once for all groups that keep up with it. */
import type { Position } from '@pavan/kernel'
import { withoutSecret } from '@pavan/platform/bus/bus.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { busSchema } from './bus.program.js'
import type { Db } from './db.js'

export interface Partition {
  readonly context: string
  readonly p: number
}

/** The events of one context in the order of their sequence numbers, durable before anybody hears of them: an event store. */
export interface ContextLog {
  /** The last event of each partition; 0 where there is none. */
  owned(): readonly Position[]
  after(position: Position, limit: number): readonly StoredEvent[]
}

/** What was handed out last: groups that keep up all ask for the same events, and get the same array. */
interface Slice {
  readonly after: number
  readonly limit: number
  readonly events: readonly StoredEvent[]
}

export class BusLog {
  readonly #db: Db
  readonly #logs = new Map<string, ContextLog>()
  readonly #slices = new Map<string, Slice>()
  /** By context, the last event of each partition that was told. */
  readonly #told = new Map<string, Map<number, number>>()

  constructor(db: Db) {
    this.#db = db
    db.prepare(['schema', busSchema])
  }

  add(context: string, log: ContextLog): void {
    this.#logs.set(context, log)
  }

  /** The events of a partition up to this one were told: an answer that ended before may go on now. */
  tell({ context, p }: Partition, seq: number): void {
    this.#slices.delete(partitionName({ context, p }))
    const told = this.#told.get(context) ?? new Map<number, number>()
    this.#told.set(context, told.set(p, Math.max(seq, told.get(p) ?? 0)))
  }

  read(context: string, p: number, after: number, limit: number): readonly StoredEvent[] {
    const name = partitionName({ context, p })
    const known = this.#slices.get(name)
    if (known && known.after === after && known.limit === limit) return known.events
    const events = (this.#logs.get(context)?.after({ p, seq: after }, limit) ?? []).map(withoutSecret)
    this.#slices.set(name, { after, limit, events })
    return events
  }

  /** The partitions of a context that were told, with the last event of each. */
  heads(context: string): readonly Position[] {
    return Array.from(this.#told.get(context) ?? [], ([p, seq]) => ({ p, seq }))
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
}

export const partitionName = ({ context, p }: Partition): string => `${p}/${context}`
