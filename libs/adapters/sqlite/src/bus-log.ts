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

  constructor(db: Db) {
    this.#db = db
    db.prepare(['schema', busSchema])
  }

  add(context: string, log: ContextLog): void {
    this.#logs.set(context, log)
  }

  /** Something was added to the end of a context: an answer that ended there may go on now. */
  grew({ context, p }: Partition): void {
    this.#slices.delete(nameOf(context, p))
  }

  read(context: string, p: number, after: number, limit: number): readonly StoredEvent[] {
    const name = nameOf(context, p)
    const known = this.#slices.get(name)
    if (known && known.after === after && known.limit === limit) return known.events
    const events = (this.#logs.get(context)?.after({ p, seq: after }, limit) ?? []).map(withoutSecret)
    this.#slices.set(name, { after, limit, events })
    return events
  }

  /** The partitions of a context that have events, with the last of each. */
  heads(context: string): readonly Position[] {
    return (this.#logs.get(context)?.owned() ?? []).filter(({ seq }) => seq > 0)
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

const nameOf = (context: string, p: number): string => `${p}/${context}`
