/** The newest commits of a store as they lie in its file, without gaps: a relay that keeps up with the writers never reads the file. */
import type { StoredEvent } from '@pavan/platform/events/event-store.js'

export interface CommitRow {
  readonly seq: number
  readonly stream: string
  readonly version: number
  /** JSON text, or what it says where it need not be read again. */
  readonly events: string | readonly StoredEvent[]
}

/** Short: what is remembered outlives collections of young objects, which costs more than an occasional look into the file. */
const longest = 250

export class CommitTail {
  #rows: CommitRow[] = []
  /** Sequence number of the last event before the first remembered commit. */
  #before = Infinity
  #last = Infinity

  /** Sequence number of the last event; undefined before the first one is told. */
  get last(): number | undefined {
    return this.#last === Infinity ? undefined : this.#last
  }

  /** A commit of `count` events that is durable. Commits are told in the order of their sequence numbers. */
  remember(row: CommitRow, count: number): void {
    if (row.seq - count !== this.#last) {
      this.#rows = []
      this.#before = row.seq - count
    }
    this.#rows.push(row)
    this.#last = row.seq
    if (this.#rows.length <= 2 * longest) return
    this.#rows = this.#rows.slice(-longest)
    this.#before = (this.#rows[0] as CommitRow).seq
    this.#rows.shift()
  }

  /** The commits that end after a position; undefined when some of them may be in the file only. */
  after(seq: number): readonly CommitRow[] | undefined {
    if (seq < this.#before) return undefined
    if (seq >= this.#last) return []
    // Nearly always the last few are asked for.
    let first = this.#rows.length
    while (first > 0 && (this.#rows[first - 1] as CommitRow).seq > seq) first--
    return this.#rows.slice(first)
  }
}
