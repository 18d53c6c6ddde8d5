/**
 * New rows of a view are written once.
 *
 * Beside a checkpoint, a change inserts its new rows as they will be, and each names the change that it begins with: the checkpoint, the epoch of whoever writes
 * it, and the number of the change in that epoch. The write of the checkpoint decides, as for every change of several documents (row-commits.ts), and says
 * which number has been reached. So whoever reads such a row and knows how far its checkpoint is knows whether the row is there, for ever and without a
 * second write.
 *
 * - Who takes over a checkpoint begins an epoch with its first change, whose new rows are locked as everywhere. That says in which tables new rows of the epoch
 *   lie; one that comes later is locked the first time, too. What the former epoch had not decided never will be.
 * - A number is used again only for a change that has certainly left nothing. Who is not sure begins another epoch.
 * - The checkpoint remembers where former epochs ended, for a day. After that nothing of them is on its way any more: rows that they left undecided are
 *   removed, and then all others of that epoch are there.
 */
import type { Collection } from './database.js'
import type { Lookups } from './lookups.js'
import { separator } from './ordered-text.js'
import { persist } from './retry.js'
import { checkpoints, shapeOf, type Ended, type Reached, type RowDoc } from './row-shape.js'
import type { Entry } from './row-plan.js'

export const checkpointCollection = shapeOf(checkpoints).collection

/** What a checkpoint says of its epochs. */
export type Progress = Pick<RowDoc, 'q' | 'z'>

/** The change that a row begins with. */
interface Beginning {
  readonly root: string
  readonly e: number
  readonly k: number
}

/** How long the end of an epoch is remembered, in milliseconds: longer than a writer can sleep, or a command be on its way. */
const keepMs = 86_400_000
/** More former epochs than these are not noted: then new rows are locked like others. */
const mostEnded = 100
/** So many of them are cleared away with one change. */
const mostCleared = 5

/** Numbers as text of one length, which is ordered as they are: up to two thousand million epochs, and 10^14 changes in each. */
const epochText = (e: number): string => e.toString(36).padStart(6, '0')
const changeText = (k: number): string => k.toString(36).padStart(9, '0')

export const beginningText = ({ root, e, k }: Beginning): string => [root, epochText(e), changeText(k)].join(separator)

export const beginningOf = (text: string): Beginning => {
  const [root, e, k] = text.split(separator) as [string, string, string]
  return { root, e: parseInt(e, 36), k: parseInt(k, 36) }
}

/** Whether a row is there, by what its checkpoint says; `open`: that is not decided. */
export const judge = ({ e, k }: Beginning, { q, z = [] }: Progress): 'there' | 'open' | 'never' => {
  if (!q || e > q.e) return 'open'
  if (e === q.e) return k <= q.k ? 'there' : 'open'
  const end = z.find((one) => one.e === e)
  // What an epoch has left undecided is removed before its end is forgotten.
  return !end || k <= end.k ? 'there' : 'never'
}

/** The texts of what an epoch can have left undecided, as a range. */
export const leftBy = (root: string, { e, k }: Pick<Reached, 'e' | 'k'>): { readonly $gt: string; readonly $lt: string } => ({
  $gt: beginningText({ root, e, k }),
  $lt: root + separator + epochText(e + 1),
})

/** What a change with new rows says of itself: in its rows, and in the checkpoint that decides it. */
export interface Begun {
  /** For its new rows; absent where they are to be locked. */
  readonly text?: string
  readonly progress: { readonly q: Reached; readonly z?: readonly Ended[] }
}

export class RowEpochs {
  /** What this process has reached in its own epochs, by the id of the checkpoint. */
  readonly #own = new Map<string, Reached>()
  /** How far checkpoints were when they were last read or written here. */
  readonly #known = new Map<string, Progress>()

  constructor(
    private readonly rows: (collection: string) => Collection<RowDoc>,
    private readonly lookups: Lookups<RowDoc>,
    private readonly now: () => number,
  ) {}

  /** For a change with new rows in some tables; nothing where no checkpoint that is there decides it, or too many epochs have ended. */
  async begin({ shape, id, doc, json }: Entry, tables: Iterable<string>): Promise<Begun | undefined> {
    if (shape.collection !== checkpointCollection || !doc || doc.d || json === undefined) return undefined
    const { q } = doc
    const own = this.#own.get(id)
    const mine = own && q && own.e === q.e && own.k === q.k ? q : undefined
    const ended = await this.#remembered(id, doc.z ?? [])
    if (!mine && ended.length >= mostEnded) return undefined
    const c = [...new Set([...(mine?.c ?? []), ...tables])]
    const z = mine || !q ? ended : [...ended, { ...q, at: this.now() }]
    const progress = (reached: Reached): Begun['progress'] => ({ q: reached, ...(z.length > 0 || doc.z ? { z } : {}) })
    if (!mine) return { progress: progress({ e: (q?.e ?? 0) + 1, k: 0, c }) }
    if (c.length > mine.c.length) return { progress: progress({ ...mine, c }) }
    const k = mine.k + 1
    return { text: beginningText({ root: id, e: mine.e, k }), progress: progress({ ...mine, k }) }
  }

  /** The ends that are still to be known; what older ones have left undecided is removed. */
  async #remembered(root: string, ended: readonly Ended[]): Promise<readonly Ended[]> {
    const old = ended.filter(({ at }) => at < this.now() - keepMs).slice(0, mostCleared)
    if (old.length === 0) return ended
    for (const one of old) for (const collection of one.c) await persist(() => this.rows(collection).deleteMany({ s: leftBy(root, one) }))
    return ended.filter((one) => !old.includes(one))
  }

  /** A change was decided. */
  decided(root: string, { progress }: Begun): void {
    this.#own.set(root, progress.q)
    this.#known.set(root, progress)
  }

  /** Whether a change of this process has left something is not known: its number is not used again. */
  lost(root: string): void {
    this.#own.delete(root)
    this.#known.delete(root)
  }

  /** Whether a document is known to be there, as far as its beginning goes. */
  isThere({ s }: RowDoc): boolean {
    if (s === undefined) return true
    const beginning = beginningOf(s)
    return judge(beginning, this.#known.get(beginning.root) ?? {}) === 'there'
  }

  /** The same by what the checkpoint says now, with that, where this process does not know it. */
  async look({ s }: RowDoc): Promise<{ readonly verdict: ReturnType<typeof judge>; readonly root?: RowDoc | undefined }> {
    if (s === undefined) return { verdict: 'there' }
    const beginning = beginningOf(s)
    const known = judge(beginning, this.#known.get(beginning.root) ?? {})
    if (known !== 'open') return { verdict: known }
    const root = await this.lookups.one(checkpointCollection, beginning.root)
    const progress = { ...(root?.q ? { q: root.q } : {}), ...(root?.z ? { z: root.z } : {}) }
    this.#known.set(beginning.root, progress)
    return { verdict: judge(beginning, progress), root }
  }
}
