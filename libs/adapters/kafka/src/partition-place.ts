/**
 * Where a member of a group stands in one partition, by sequence number; the offset is only the way there.
 *
 * Sequence numbers are dense from 1 and a repetition only ever adds records, so event n never lies before offset n - 1: who needs the events
 * after `from` may begin at offset `from` and drop what is older, even if the group's own offset is lost, ahead or of another log.
 */
import type { StoredEvent } from '@pavan/platform/events/event-store.js'

export interface Committed {
  /** Offset of the next record; below 0 when the group has none. */
  readonly offset: number
  /** Last sequence number before it, as we wrote it beside the offset. */
  readonly seq: number | undefined
}

export interface Finding {
  readonly events: readonly StoredEvent[]
  /** First sequence numbers that are missing between what was seen and what came. */
  readonly gap?: { readonly after: number; readonly found: number }
}

export class PartitionPlace {
  /** Offset of the next record that has not been looked at. */
  next: number
  /** Last sequence number that needs no delivery; unknown when somebody else set the group's offset. */
  #last: number | undefined
  /** The partition was read from its beginning once, because the place it named began too late. */
  #searched = false

  constructor(from: number | undefined, committed: Committed) {
    const known = committed.offset >= 0
    if (from === undefined) {
      this.next = known ? committed.offset : 0
      this.#last = known ? committed.seq : 0
    } else {
      const helps = known && committed.seq !== undefined && committed.seq <= from
      this.next = helps ? Math.max(from, committed.offset) : from
      this.#last = from
    }
  }

  get seq(): number | undefined {
    return this.#last
  }

  /** Whether the record that comes first lies behind the place, so that events may be missing that the log does have. */
  startsTooLate(event: StoredEvent): boolean {
    if (this.#searched || this.#last === undefined || event.position.seq <= this.#last + 1) return false
    this.#searched = true
    this.next = 0
    return true
  }

  /** What of some records in order is new; it is taken as done only by `done`. */
  sift(events: readonly StoredEvent[]): Finding {
    const fresh: StoredEvent[] = []
    let last = this.#last
    let gap: Finding['gap']
    for (const event of events) {
      const { seq } = event.position
      if (last !== undefined && seq <= last) continue
      if (last !== undefined && seq > last + 1) gap ??= { after: last, found: seq }
      last = seq
      fresh.push(event)
    }
    return gap ? { events: fresh, gap } : { events: fresh }
  }

  /** What comes after a sequence number is to be delivered again. */
  goBack(seq: number): void {
    this.next = Math.min(this.next, seq)
    this.#last = seq
  }

  /** Everything before the offset is done. */
  done(next: number, seq: number | undefined): void {
    this.next = next
    if (seq !== undefined) this.#last = Math.max(seq, this.#last ?? 0)
  }
}
