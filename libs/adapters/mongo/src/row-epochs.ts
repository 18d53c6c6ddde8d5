/**
 * New rows of a view are written once.
 *
 * Beside a checkpoint, a change inserts its new rows as they will be, and each names the change that it begins with: the checkpoint, the epoch of whoever writes
 * it, and the number of the change in that epoch. The write of the checkpoint decides, as for every change of several documents (row-commits.ts), and says
 * which number has been reached. So whoever reads such a row and knows how far its checkpoint is knows whether the row is there, for ever and without a
 * second write.
 *
 * - A number is used again only for a change that has certainly left nothing. Who is not sure begins another epoch, as everybody does who takes over a
 *   checkpoint: what the former epoch had not decided never will be.
 * - The checkpoint remembers where former epochs ended, for a day. After that nothing of them is on its way any more: rows that they left undecided are
 *   removed, and then all others of that epoch are there.
 */
import { drawRandom } from '@pavan/platform/service/random-pool.js'
import type { Collection } from './database.js'
import { Lookups } from './lookups.js'
import { separator } from './ordered-text.js'
import { persist } from './retry.js'
import { checkpoints, shapeOf, type Ended, type Reached, type RowDoc } from './row-shape.js'
import type { Entry } from './row-plan.js'

export const checkpointCollection = shapeOf(checkpoints).collection

/** What a checkpoint says of its epochs. */
export type Progress = Pick<RowDoc, 'q' | 'z'>

/** The change that a row begins with. */
interface Beginning extends Reached {
  readonly root: string
}

/** How long the end of an epoch is remembered, in milliseconds: longer than a writer can sleep, or a command be on its way. */
const keepMs = 86_400_000
/** More former epochs than these are not noted: then new rows are locked like others. */
const mostEnded = 100

/** Numbers as text of one length, which is ordered as they are: up to two thousand million epochs, and 10^14 changes in each. */
const epochText = (e: number): string => e.toString(36).padStart(6, '0')
const changeText = (k: number): string => k.toString(36).padStart(9, '0')

export const beginningText = ({ root, e, n, k }: Beginning): string => [root, epochText(e), n, changeText(k)].join(separator)

export const beginningOf = (text: string): Beginning => {
  const [root, e, n, k] = text.split(separator) as [string, string, string, string]
  return { root, e: parseInt(e, 36), n, k: parseInt(k, 36) }
}

/** Whether a row is there, by what its checkpoint says; `open`: that is not decided. */
export const judge = ({ e, n, k }: Beginning, { q, z = [] }: Progress): 'there' | 'open' | 'never' => {
  if (!q || e > q.e) return 'open'
  const end = e === q.e ? q : z.find((one) => one.e === e)
  // What an epoch has left undecided is removed before its end is forgotten.
  if (!end) return 'there'
  if (end.n !== n) return 'never'
  if (k <= end.k) return 'there'
  return end === q ? 'open' : 'never'
}

/** The texts of what an epoch can have left undecided, as ranges: of other writers of the same number, and behind the last change. */
export const leftBy = (root: string, { e, n, k }: Reached): readonly { readonly $gt: string; readonly $lt: string }[] => {
  const epoch = root + separator + epochText(e)
  const writer = epoch + separator + n
  return [
    { $gt: epoch + separator, $lt: writer },
    { $gt: beginningText({ root, e, n, k }), $lt: root + separator + epochText(e + 1) },
  ]
}

/** What a change with new rows says of itself: in its rows, and in the checkpoint that decides it. */
export interface Begun {
  readonly text: string
  readonly progress: { readonly q: Reached; readonly z?: readonly Ended[] }
}

export class RowEpochs {
  /** What this process has reached in its own epochs, by the id of the checkpoint. */
  readonly #own = new Map<string, Reached>()
  /** How far checkpoints were when they were last read or written here. */
  readonly #known = new Map<string, Progress>()
  readonly #lookups: Lookups

  constructor(
    private readonly rows: (collection: string) => Collection<RowDoc>,
    private readonly collections: ReadonlySet<string>,
    private readonly now: () => number,
  ) {
    this.#lookups = new Lookups((collection, ids) =>
      persist(() =>
        this.rows(collection)
          .find({ _id: ids.length === 1 ? (ids[0] as string) : { $in: [...ids] } })
          .toArray(),
      ),
    )
  }

  /** For the new rows of a change; nothing where they are to be locked: no checkpoint that is there decides it. */
  async begin({ shape, id, doc, json }: Entry): Promise<Begun | undefined> {
    if (shape.collection !== checkpointCollection || !doc || doc.d || json === undefined) return undefined
    const { q } = doc
    const own = this.#own.get(id)
    const ended = await this.#remembered(id, doc.z ?? [])
    const next = own && q && own.n === q.n && own.k === q.k ? { ...own, k: own.k + 1 } : undefined
    if (!next && ended.length >= mostEnded) return undefined
    const reached = next ?? { e: (q?.e ?? 0) + 1, n: drawRandom(6).toString('base64url'), k: 1 }
    const z = next || !q ? ended : [...ended, { ...q, at: this.now() }]
    return { text: beginningText({ root: id, ...reached }), progress: { q: reached, ...(z.length > 0 || doc.z ? { z } : {}) } }
  }

  /** The ends that are still to be known; what older ones have left undecided is removed. */
  async #remembered(root: string, ended: readonly Ended[]): Promise<readonly Ended[]> {
    const old = ended.filter(({ at }) => at < this.now() - keepMs)
    if (old.length === 0) return ended
    for (const one of old)
      for (const s of leftBy(root, one)) for (const collection of this.collections) await persist(() => this.rows(collection).deleteMany({ s }))
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
    const root = await this.#lookups.one(checkpointCollection, beginning.root)
    const progress = { ...(root?.q ? { q: root.q } : {}), ...(root?.z ? { z: root.z } : {}) }
    this.#known.set(beginning.root, progress)
    return { verdict: judge(beginning, progress), root }
  }
}
