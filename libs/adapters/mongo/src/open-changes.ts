/**
 * Changes of several documents that are under way (row-commits.ts), as everybody meets them who is not their writer: read past, finished, waited for, or
 * refused.
 */
import { insertAll, chunks, concern, nonce, prepare, type Collection, type Db } from './database.js'
import { byIds, Lookups } from './lookups.js'
import { isDuplicate, pause, persist } from './retry.js'
import { beginningOf, checkpointCollection, RowEpochs } from './row-epochs.js'
import { changeTo, removal, writersOf, type Decided, type Durability, type Image, type RowDoc } from './row-shape.js'

/** What a lock says: which change it belongs to, and where that is decided. */
export type Lock = Required<Pick<RowDoc, 'l' | 'o'>>

/** What documents of a big change shall be. To update each is dear: they are locked by one command, and the images lie here until the decision. */
export interface Part {
  readonly _id: string
  readonly of: string
  readonly next: readonly { readonly c: string; readonly i: string; readonly n: Image }[]
  readonly at: number
}

/** How long a lock without a decision is waited for, by the clock of whoever waits. */
const lockPatienceMs = 2_000
/** How long a change that was refused stays so, where its root does not exist. */
const keepMs = 3_600_000
/** So many changes are remembered as finished. */
const mostFinished = 20_000
const side = 250

export const unlocked = { $exists: false }
/** A document that was inserted under a lock is as it shall be. */
export const born = { $unset: { l: '', o: '', b: '' } } as const

export class OpenChanges {
  readonly #db: Db
  readonly parts: Collection<Part>
  readonly #collections = new Set<string>()
  readonly #rows = new Map<string, Collection<RowDoc>>()
  /** Changes that this process knows to be finished, the oldest first. */
  readonly #finished = new Set<string>()
  readonly epochs: RowEpochs
  /** Documents as they are stored, whoever holds them. */
  readonly lookups = new Lookups<RowDoc>((collection, ids) => persist(() => this.rows(collection).find(byIds(ids)).toArray()))

  constructor(
    db: Db,
    private readonly now: () => number,
    private readonly patienceMs = lockPatienceMs,
  ) {
    this.#db = db
    this.parts = db.collection<Part>('parts_of_rows')
    this.epochs = new RowEpochs((collection) => this.rows(collection), this.lookups, now)
  }

  async prepare(): Promise<void> {
    await persist(() => prepare(this.#db, 'parts_of_rows', [{ key: { of: 1 }, name: 'of' }]))
  }

  /** A collection is used from now on. */
  open(collection: string): void {
    this.#collections.add(collection)
  }

  drop(collection: string): void {
    this.#collections.delete(collection)
  }

  get collections(): ReadonlySet<string> {
    return this.#collections
  }

  /** The driver works its options out anew for each object that it makes of a name. */
  rows(collection: string): Collection<RowDoc> {
    let rows = this.#rows.get(collection)
    if (!rows) this.#rows.set(collection, (rows = this.#db.collection<RowDoc>(collection)))
    return rows
  }

  /** Inserts documents; answers the places of those whose key exists. */
  insert(collection: string, docs: readonly RowDoc[], durability: Durability): Promise<readonly number[]> {
    return insertAll(this.#db, this.rows(collection), docs, durability)
  }

  /** Brings locked documents of a decided change to what they shall be: `next` those with a next row, `some` what there is beside them. Harmless when repeated. */
  async finishMany(id: string, collection: string, next: readonly RowDoc[], some: { gone: boolean; born: boolean }, durability: Durability): Promise<void> {
    const rows = this.rows(collection)
    const update = (part: readonly RowDoc[]) => {
      const updates = part.map((doc) => ({ updateOne: { filter: { _id: doc._id, l: id }, update: changeTo(doc, doc.n as Image, id) as never } }))
      return persist(() => rows.bulkWrite(updates, { ordered: false, ...concern(durability) }))
    }
    // A server does one command on one core: some commands side by side are done sooner.
    for (const part of chunks(next)) await Promise.all(chunks(part, side).map(update))
    if (some.gone) await persist(() => rows.updateMany({ l: id, g: true }, removal(id, this.now()) as never, concern(durability)))
    if (some.born) await persist(() => rows.updateMany({ l: id, b: true }, born, concern(durability)))
  }

  /** Finishes a change of somebody else that was decided, by what lies in the documents. */
  async settle(id: string, collections: readonly string[]): Promise<void> {
    await Promise.all(
      [...new Set(collections)].map(async (collection) => {
        const docs = await persist(() => this.rows(collection).find({ l: id }).toArray())
        if (docs.length === 0) return
        const kept = await this.#withImages(
          id,
          collection,
          docs.filter(({ b, g }) => !b && !g),
        )
        await this.finishMany(id, collection, kept, { gone: docs.some(({ g }) => g), born: docs.some(({ b }) => b) }, 'full')
      }),
    )
    this.noteFinished(id)
  }

  /** Locked documents with what they shall be. */
  async #withImages(id: string, collection: string, docs: readonly RowDoc[]): Promise<readonly RowDoc[]> {
    if (docs.every(({ n }) => n)) return docs
    const parts = await persist(() => this.parts.find({ of: id }).toArray())
    const images = new Map(parts.flatMap(({ next }) => next.filter(({ c }) => c === collection).map(({ i, n }) => [i, n])))
    // Without an image somebody else has just finished it.
    return docs.flatMap((doc) => {
      const n = doc.n ?? images.get(doc._id)
      return n ? [{ ...doc, n }] : []
    })
  }

  /** What roots have decided is finished before they are written again: they keep one decision only. */
  async settleBefore(entries: readonly { readonly doc: RowDoc | undefined }[]): Promise<void> {
    const open = new Map(entries.flatMap(({ doc }) => (doc?.p && !this.isFinished(doc.p) ? [[doc.p.i, doc.p.c] as const] : [])))
    await Promise.all([...open].map(([id, collections]) => this.settle(id, collections)))
  }

  /** Whether this process knows that nothing is left to do for a change. */
  isFinished({ i }: Decided): boolean {
    return this.#finished.has(i)
  }

  noteFinished(id: string): void {
    this.#finished.add(id)
    if (this.#finished.size > mostFinished) for (const oldest of this.#finished) return void this.#finished.delete(oldest)
  }

  /** Takes the locks of a change away that is not decided and never will be. */
  async undo(id: string, collections: Iterable<string>): Promise<void> {
    await Promise.all(
      [...collections].map(async (collection) => {
        await persist(() => this.rows(collection).deleteMany({ l: id, b: true }))
        await persist(() => this.rows(collection).updateMany({ l: id, b: unlocked }, { $unset: { l: '', o: '', n: '', g: '' } }))
      }),
    )
  }

  /** Whether a document is known to be there, held by nobody. */
  isSettled(doc: RowDoc): boolean {
    return doc.l === undefined && this.epochs.isThere(doc)
  }

  /** The root of the change that holds a document, where it exists. */
  async #rootOf({ o }: RowDoc): Promise<RowDoc | null> {
    const [collection, _id] = o as Lock['o']
    return persist(() => this.rows(collection).findOne({ _id }))
  }

  /** The document as it is for a reader: what is not decided has not happened. */
  async read(collection: string, doc: RowDoc): Promise<RowDoc | undefined> {
    let current: RowDoc | null = doc
    for (let undecided: string | undefined; current?.l !== undefined;) {
      const id: string = current.l
      const root: RowDoc | null = await this.#rootOf(current)
      if (root?.p?.i === id) await this.settle(id, [collection, ...root.p.c])
      // Still locked after the root had not decided: it was not decided then.
      else if (undecided === id) return current.b ? undefined : current
      else undecided = id
      current = await persist(() => this.rows(collection).findOne({ _id: doc._id }))
    }
    return current && (await this.epochs.look(current)).verdict === 'there' ? current : undefined
  }

  /** What lies there: as it was before where somebody holds it. Finishes nothing and waits for nobody. */
  async unsettled(doc: RowDoc): Promise<RowDoc | undefined> {
    return doc.l !== undefined || (await this.epochs.look(doc)).verdict === 'there' ? doc : undefined
  }

  /** The document once nobody holds it; who holds it for too long is refused. */
  async free(collection: string, doc: RowDoc): Promise<RowDoc | undefined> {
    const since = new Map<string, number>()
    const isTired = (id: string) => performance.now() - (since.get(id) ?? since.set(id, performance.now()).get(id)!) > this.patienceMs
    let current: RowDoc | null = doc
    for (let attempt = 1; current; attempt++) {
      const outcome = await (current.l === undefined ? this.#sure(collection, current, isTired) : this.#unlock(collection, current, isTired))
      if (outcome === 'there') return current
      if (outcome === 'wait') await pause(Math.random() * Math.min(50, 2 * attempt))
      current = await persist(() => this.rows(collection).findOne({ _id: doc._id }))
    }
    return undefined
  }

  /** A lock: what was decided is finished, and what is not for too long is refused. */
  async #unlock(collection: string, doc: RowDoc, isTired: (id: string) => boolean): Promise<'changed' | 'wait'> {
    const id = doc.l as string
    const root = await this.#rootOf(doc)
    if (root?.p?.i === id) await this.settle(id, [collection, ...root.p.c])
    else if (isTired(id)) await this.#refuse(doc, root)
    else return 'wait'
    return 'changed'
  }

  /** A document without a lock: perhaps its beginning is not decided, or never will be. */
  async #sure(collection: string, doc: RowDoc, isTired: (id: string) => boolean): Promise<'there' | 'changed' | 'wait'> {
    const { verdict, root } = await this.epochs.look(doc)
    if (verdict === 'there') return 'there'
    const refused = verdict === 'open' && isTired(doc.v) && (await this.#touch([checkpointCollection, beginningOf(doc.s as string).root], root))
    if (verdict !== 'never' && !refused) return 'wait'
    await persist(() => this.rows(collection).deleteOne({ _id: doc._id, v: doc.v, l: unlocked }))
    return 'changed'
  }

  /** Refuses the change that holds a document, unless it was decided meanwhile, and takes its locks away. */
  async #refuse({ l, o }: RowDoc, root: RowDoc | null): Promise<void> {
    const place = o as Lock['o']
    if (await this.#touch(place, root ?? undefined)) await this.undo(l as string, new Set([...this.#collections, place[0]]))
  }

  /** Makes a root another one than its writer has read: then it decides nothing any more. False: somebody was faster. */
  async #touch([collection, _id]: Lock['o'], root: RowDoc | undefined): Promise<boolean> {
    const rows = this.rows(collection)
    return persist(async () => {
      if (root) return (await rows.updateOne({ _id, v: root.v }, { $set: { v: nonce(), w: writersOf(root) } }, concern('full'))).matchedCount === 1
      return rows.insertOne({ _id, d: true, e: this.now() + keepMs, v: nonce() }, concern('full')).then(
        () => true,
        (error: unknown) => {
          if (isDuplicate(error)) return false
          throw error
        },
      )
    })
  }

  /** Parts of changes that nobody can be at work on any more. */
  async clearParts(): Promise<void> {
    await this.parts.deleteMany({ at: { $lt: this.now() - keepMs } })
  }
}
