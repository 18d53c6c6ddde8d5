/** Reads the log of a partition in order: from memory where this copy has just written it, and otherwise from the database. */
import type { Position } from '@pavan/kernel'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { eventsOf, type CommitDoc, type CommitRef } from './commit-doc.js'
import type { Collection } from './database.js'
import { LogTail, type TailBatch } from './log-tail.js'
import { batchesFrom, type LogDoc } from './partition-log.js'
import { persist } from './retry.js'

const unread = (batch: LogDoc): TailBatch => ({ batch, commits: [] })

export class LogReader {
  /** By partition: what its relay is about to read. */
  readonly #tails = new Map<number, LogTail>()

  constructor(
    private readonly log: Collection<LogDoc>,
    private readonly commits: Collection<CommitDoc>,
    private readonly context: string,
  ) {}

  /** A batch that is stored, and the commits of it that are at hand; in the order of the log. */
  remember(p: number, batch: LogDoc, commits?: readonly CommitRef[]): void {
    const tail = this.#tails.get(p) ?? new LogTail()
    this.#tails.set(p, tail)
    tail.add(batch, commits)
  }

  forget(p: number): void {
    this.#tails.delete(p)
  }

  async read(after: Position, limit: number): Promise<readonly StoredEvent[]> {
    const events: StoredEvent[] = []
    let { seq } = after
    while (events.length < limit) {
      const remembered = this.#tails.get(after.p)?.after(seq)
      // Behind what is remembered there is only what somebody else has just stored: looked for by whoever has got all the rest.
      if (remembered?.length === 0 && events.length > 0) break
      const batches = remembered && remembered.length > 0 ? remembered : await this.#batches(after.p, seq)
      const last = batches.at(-1)
      if (!last) break
      events.push(...(await this.#eventsIn(batches, seq, limit - events.length)))
      seq = last.batch.l
    }
    return events.slice(0, limit)
  }

  /** Batches that have something behind a sequence number, from the database. */
  async #batches(p: number, seq: number): Promise<readonly TailBatch[]> {
    const next = await persist(() =>
      this.log
        .find(batchesFrom(p, seq + 1))
        .sort({ _id: 1 })
        .limit(100)
        .toArray(),
    )
    const found = next.map(unread)
    if (seq === 0 || next[0]?.f === seq + 1) return found
    // The one that begins at or before it may reach beyond.
    const [before] = await persist(() =>
      this.log
        .find({ _id: { $gte: batchesFrom(p, 0)._id.$gte, $lt: batchesFrom(p, seq + 1)._id.$gte } })
        .sort({ _id: -1 })
        .limit(1)
        .toArray(),
    )
    return before && before.l > seq ? [unread(before), ...found] : found
  }

  /** The first events behind a sequence number, so many at the most. What is not remembered is read in one look. */
  async #eventsIn(batches: readonly TailBatch[], after: number, limit: number): Promise<StoredEvent[]> {
    const wanted: { _id: string; last: number; commit: CommitDoc | undefined }[] = []
    for (const { batch, commits } of batches) {
      if (batch.f > after + limit) break
      let last = batch.f - 1
      for (const [i, _id] of batch.c.entries()) {
        const first = last + 1
        last += batch.k[i] as number
        if (last > after && first <= after + limit) wanted.push({ _id, last, commit: commits[i] })
      }
    }
    const missing = wanted.flatMap(({ _id, commit }) => (commit ? [] : [_id]))
    const found = missing.length === 0 ? [] : await persist(() => this.commits.find({ _id: { $in: missing } }).toArray())
    const read = new Map(found.map((doc) => [doc._id, doc]))
    return wanted
      .flatMap(({ _id, last, commit }) => eventsOf(commit ?? (read.get(_id) as CommitDoc), last, this.context))
      .filter(({ position }) => position.seq > after)
  }
}
