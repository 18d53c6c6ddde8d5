/** Finishes, undoes and removes what writers of rows have left that are gone. Readers need none of it: each finds by itself what holds (open-changes.ts). */
import { chunks } from './database.js'
import { persist } from './retry.js'
import { unlocked, type OpenChanges } from './open-changes.js'
import type { Decided, RowDoc } from './row-shape.js'

/** So many expired documents are looked at before they are removed, at once. */
const mostSwept = 10_000

export class RowTidying {
  /** Locks that were there in the last round of `recover`. */
  #seen = new Set<string>()

  constructor(
    private readonly open: OpenChanges,
    private readonly now: () => number,
  ) {}

  /** Finishes what was decided in all collections: another copy may have died. */
  async takeOver(): Promise<void> {
    for (const collection of this.open.collections) await this.finishDecided(collection)
  }

  /** Readers by an index look past documents that are not yet what they shall be. */
  async finishDecided(collection: string): Promise<void> {
    for (const doc of await this.#locked(collection)) await this.open.read(collection, doc)
  }

  /** One document for each change that holds some of a collection. */
  async #locked(collection: string): Promise<RowDoc[]> {
    const docs = await persist(() =>
      this.open
        .rows(collection)
        .find({ l: { $gte: '' } })
        .toArray(),
    )
    return [...new Map(docs.map((doc) => [doc.l, doc])).values()]
  }

  /**
   * Ends what has been undecided since the last call. Called from time to time, and not often, because the index of locks has many dead entries where much is
   * written: who is at work now is not disturbed.
   */
  async recover(): Promise<void> {
    const seen = new Set<string>()
    for (const collection of this.open.collections)
      for (const doc of await this.#locked(collection)) {
        const id = doc.l as string
        if (this.#seen.has(id)) await this.open.free(collection, doc)
        seen.add(id)
      }
    this.#seen = seen
    await this.open.clearParts()
  }

  /** Removes documents of a collection that have expired; answers how many. What they have decided is finished before. */
  async sweep(collection: string): Promise<number> {
    const rows = this.open.rows(collection)
    const expired = { e: { $lte: this.now() }, l: unlocked }
    const { deletedCount } = await rows.deleteMany({ ...expired, p: unlocked })
    const roots = await rows
      .find({ ...expired, p: { $exists: true } }, { projection: { v: 1, p: 1 } })
      .limit(mostSwept)
      .toArray()
    if (roots.length === 0) return deletedCount
    await this.#settleAll(roots.map(({ p }) => p as Decided).filter((decided) => !this.open.isFinished(decided)))
    const more = await Promise.all(
      chunks(roots).map((some) => rows.deleteMany({ _id: { $in: some.map(({ _id }) => _id) }, v: { $in: some.map(({ v }) => v) }, l: unlocked })),
    )
    return more.reduce((sum, { deletedCount: one }) => sum + one, deletedCount)
  }

  /** Most of many changes are finished: one look at each collection tells which are not. */
  async #settleAll(decided: readonly Decided[]): Promise<void> {
    for (const some of chunks(decided)) {
      const ids = some.map(({ i }) => i)
      for (const collection of new Set(some.flatMap(({ c }) => c))) {
        const open = await this.open
          .rows(collection)
          .find({ l: { $in: ids } }, { projection: { l: 1 } })
          .toArray()
        const locks = new Set(open.map(({ l }) => l))
        for (const { i, c } of some) if (locks.has(i)) await this.open.settle(i, c)
      }
    }
  }
}
