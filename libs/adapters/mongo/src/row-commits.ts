/**
 * Changes of several documents as one, without a transaction of the server.
 *
 * 1. All documents but one are locked, each by one write, conditional on what was read: an existing one keeps its row and gets the next one beside it, a
 *    new one is inserted as it will be, marked as not yet born. Each lock names the document that is left: the root. Where that is a checkpoint, new ones
 *    need no lock that is taken away: see row-epochs.ts.
 * 2. The write of the root decides. It is conditional on what was read, too, and leaves in the root which change that was. Who is tired of waiting for it
 *    touches the root before: then the condition does not hold any more.
 * 3. Everybody who meets a lock can finish or undo it alone: the root says which, and each step is conditional on the lock. A root is not written
 *    again before what it has decided is finished.
 *
 * So a reader sees the row before or after the decision, whoever dies where.
 */
import { acknowledged, durable, nonce, prepare, type Collection, type Db } from './database.js'
import { Lookups } from './lookups.js'
import { separator } from './ordered-text.js'
import { atMost, duplicatesOf, isDuplicate, pause, persist } from './retry.js'
import { changeTo, markOf, removal, writersOf, type Decided, type Durability, type Image, type Mark, type RowDoc } from './row-shape.js'
import { entryImage, type Entry } from './row-plan.js'
import { beginningOf, checkpointCollection, RowEpochs } from './row-epochs.js'
import mongoose from 'mongoose'

/** What a lock says: which change it belongs to, and where that is decided. */
type Lock = Required<Pick<RowDoc, 'l' | 'o'>>

/** What a write has left: its id, and what the root keeps of a change of several documents. */
export interface Written {
  readonly v: string
  readonly root: Entry
  readonly mark: Mark
}

/** What documents of a big change shall be. To update each is dear: they are locked by one command, and the images lie here until the decision. */
interface Part {
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
const atOnce = 1_000
const side = 250
/** So many documents of a table are locked with what they shall be beside them, and finished one by one; of more of them that lies elsewhere. */
const few = 16
const mostCharacters = 2_000_000

export const unlocked = { $exists: false }
/** A document that was inserted under a lock is as it shall be. */
const born = { $unset: { l: '', o: '', b: '' } } as const
const concern = (durability: Durability) => ({ writeConcern: durability === 'full' ? durable : acknowledged })

export class RowCommits {
  readonly #db: Db
  readonly #parts: Collection<Part>
  readonly #collections = new Set<string>()
  /** Work that no caller waits for. */
  readonly #loose = new Set<Promise<unknown>>()
  /** Changes that this process knows to be finished, the oldest first. */
  readonly #finished = new Set<string>()
  readonly #epochs: RowEpochs
  /** Documents as they are stored, whoever holds them. */
  readonly lookups = new Lookups((collection, ids) =>
    persist(() =>
      this.rows(collection)
        .find({ _id: ids.length === 1 ? (ids[0] as string) : { $in: [...ids] } })
        .toArray(),
    ),
  )

  constructor(
    db: Db,
    private readonly now: () => number,
    private readonly patienceMs = lockPatienceMs,
  ) {
    this.#db = db
    this.#parts = db.collection<Part>('parts_of_rows')
    this.#epochs = new RowEpochs((collection) => this.rows(collection), this.lookups, now)
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

  rows(collection: string): Collection<RowDoc> {
    return this.#db.collection<RowDoc>(collection)
  }

  /** Writes all entries or none; answers what that left, or nothing when one of them is not as it was read. */
  async write(entries: readonly Entry[], durability: Durability): Promise<Written | undefined> {
    await this.settleBefore(entries)
    const v = nonce()
    const root = rootOf(entries)
    if (entries.length === 1) return (await this.#one(root, v, durability)) ? { v, root, mark: {} } : undefined
    const others = entries.filter((entry) => entry !== root)
    const made = byCollection(others.filter(({ doc }) => !doc))
    const begun = made.size > 0 ? await this.#epochs.begin(root, made.keys()) : undefined
    const s = begun?.text
    const fresh = s === undefined ? new Map<string, Entry[]>() : made
    const members = byCollection(s === undefined ? others : others.filter(({ doc }) => doc))
    const p: Decided | undefined = members.size > 0 ? { i: v, c: [...members.keys()] } : undefined
    const mark: Mark = { ...(p ? { p } : {}), ...begun?.progress }
    const undo = () => Promise.all([this.#undo(v, members.keys()), this.#remove(v, fresh)])
    try {
      const prepared = await Promise.all([
        this.#lock({ l: v, o: [root.shape.collection, root.id] }, members, durability),
        ...[...fresh].map(([collection, some]) => this.#insert(collection, some, { v, s }, durability)),
      ])
      if (!prepared.every(Boolean)) {
        await undo()
        return undefined
      }
    } catch (error) {
      // Whether some are there is not known. Nobody else can decide for this id, so they may be taken away; what comes late is undone by whoever meets it.
      if (begun) this.#epochs.lost(root.id)
      await undo().catch(() => undefined)
      throw error
    }
    try {
      if (!(await this.#one(root, v, durability, mark))) {
        await undo()
        return undefined
      }
    } catch (error) {
      if (begun) this.#epochs.lost(root.id)
      throw error
    }
    if (begun) this.#epochs.decided(root.id, begun)
    if (p) {
      await this.#finish(v, members, durability)
      this.#noteFinished(v)
    }
    if ([...members.values()].some(inPartsToo)) this.#later(this.#parts.deleteMany({ of: v }))
    return { v, root, mark }
  }

  /** One document, conditional on what was read; false when it is not so any more. */
  async #one(entry: Entry, v: string, durability: Durability, mark: Mark = {}): Promise<boolean> {
    const { id: _id, doc } = entry
    const rows = this.rows(entry.shape.collection)
    const image = entryImage(entry)
    return persist(async (attempt) => {
      // An earlier attempt may have got through although its answer did not.
      if (attempt > 0) {
        const stored = await rows.findOne({ _id })
        if (isMine(stored, v)) return true
        if (stored?.v !== doc?.v || stored?.l !== undefined) return false
      }
      if (!doc) {
        try {
          await rows.insertOne({ _id, ...(image as Image), v, ...mark }, concern(durability))
          return true
        } catch (error) {
          if (!isDuplicate(error)) throw error
          return isMine(await rows.findOne({ _id }), v)
        }
      }
      const change = image ? changeTo(doc, image, v, mark) : markOf(doc, v, this.now(), mark.p)
      const { matchedCount } = await rows.updateOne({ _id, v: doc.v, l: unlocked }, change as never, concern(durability))
      return matchedCount === 1 || isMine(await rows.findOne({ _id }), v)
    })
  }

  async #lock(lock: Lock, tables: ReadonlyMap<string, readonly Entry[]>, durability: Durability): Promise<boolean> {
    const locked = await Promise.all(
      [...tables].flatMap(([collection, entries]) => [
        this.#insert(
          collection,
          entries.filter(({ doc }) => !doc),
          { v: lock.l, ...lock, b: true },
          durability,
        ),
        this.#lockExisting(
          lock,
          collection,
          entries.filter(({ doc }) => doc),
          durability,
        ),
      ]),
    )
    return locked.every(Boolean)
  }

  /** New documents, with what says that they are not there before the decision; false when one of them is there already. */
  async #insert(collection: string, entries: readonly Entry[], beside: Omit<RowDoc, '_id'>, durability: Durability): Promise<boolean> {
    for (const some of chunks(entries)) {
      const docs = some.map((entry): RowDoc => ({ _id: entry.id, ...(entryImage(entry) as Image), ...beside }))
      try {
        await this.rows(collection).insertMany(docs, { ordered: false, ...concern(durability) })
      } catch (error) {
        if (error instanceof mongoose.mongo.MongoBulkWriteError && duplicatesOf(error).size > 0) return false
        throw error
      }
    }
    return true
  }

  /**
   * No command of this phase is sent twice: one that may have been done is given up with the whole change. So a lock never comes after
   * the decision.
   */
  async #lockExisting(lock: Lock, collection: string, entries: readonly Entry[], durability: Durability): Promise<boolean> {
    if (inPartsToo(entries)) return this.#lockMany(lock, collection, entries, durability)
    const locks = entries.map((entry) => {
      const next = entryImage(entry)
      return {
        filter: { _id: entry.id, v: (entry.doc as RowDoc).v, l: unlocked },
        update: { $set: { ...lock, ...(next ? { n: next } : { g: true as const }) } },
      }
    })
    const [only] = locks
    if (!only) return true
    if (locks.length === 1) return (await this.rows(collection).updateOne(only.filter, only.update, concern(durability))).matchedCount === 1
    const { matchedCount } = await this.rows(collection).bulkWrite(
      locks.map((updateOne) => ({ updateOne })),
      { ordered: false, ...concern(durability) },
    )
    return matchedCount === locks.length
  }

  /** Many at once: first the lock alone, then a look whether they still are as they were read. What they shall be is written apart. */
  async #lockMany(own: Lock, collection: string, entries: readonly Entry[], durability: Durability): Promise<boolean> {
    const rows = this.rows(collection)
    const gone = entries.filter(({ json }) => json === undefined)
    const kept = entries.filter(({ json }) => json !== undefined)
    const lock = async (some: readonly Entry[], $set: Partial<RowDoc>): Promise<void> => {
      for (const part of chunks(some)) await rows.updateMany({ _id: { $in: part.map((entry) => entry.id) }, l: unlocked }, { $set }, concern(durability))
    }
    await Promise.all([lock(kept, own), lock(gone, { ...own, g: true })])
    const locked = await rows.find({ l: own.l, b: unlocked }, { projection: { v: 1 } }).toArray()
    const versions = new Map(locked.map(({ _id, v }) => [_id, v]))
    if (!entries.every((entry) => versions.get(entry.id) === (entry.doc as RowDoc).v)) return false
    const next = kept.map((entry) => ({ c: collection, i: entry.id, n: entryImage(entry) as Image }))
    await Promise.all(inParts(next).map((part) => this.#parts.insertOne({ _id: nonce(), of: own.l, next: part, at: this.now() }, concern(durability))))
    return true
  }

  /** Brings the documents of a change that its writer knows to what they shall be. Harmless when repeated. */
  async #finish(id: string, tables: ReadonlyMap<string, readonly Entry[]>, durability: Durability): Promise<void> {
    await Promise.all(
      [...tables].map(async ([collection, entries]) => {
        if (entries.length <= few) {
          const updates = entries.map((entry) => ({ updateOne: { filter: { _id: entry.id, l: id }, update: this.#end(id, entry) as never } }))
          await persist(() => this.rows(collection).bulkWrite(updates, { ordered: false, ...concern(durability) }))
          return
        }
        const next = entries.flatMap((entry) => (entry.doc && entry.json !== undefined ? [{ ...entry.doc, n: entryImage(entry) as Image }] : []))
        const some = { gone: entries.some(({ json }) => json === undefined), born: entries.some(({ doc }) => !doc) }
        await this.#finishMany(id, collection, next, some, durability)
      }),
    )
  }

  /** What makes of a locked document what its change is about. */
  #end(id: string, entry: Entry): object {
    if (!entry.doc) return born
    if (entry.json === undefined) return removal(id, this.now())
    const n = entryImage(entry) as Image
    return changeTo({ ...entry.doc, n }, n, id)
  }

  async #finishMany(id: string, collection: string, next: readonly RowDoc[], some: { gone: boolean; born: boolean }, durability: Durability): Promise<void> {
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

  /** The same for a change of somebody else that was decided, by what lies in the documents. */
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
        await this.#finishMany(id, collection, kept, { gone: docs.some(({ g }) => g), born: docs.some(({ b }) => b) }, 'full')
      }),
    )
    this.#noteFinished(id)
  }

  /** Locked documents with what they shall be. */
  async #withImages(id: string, collection: string, docs: readonly RowDoc[]): Promise<readonly RowDoc[]> {
    if (docs.every(({ n }) => n)) return docs
    const parts = await persist(() => this.#parts.find({ of: id }).toArray())
    const images = new Map(parts.flatMap(({ next }) => next.filter(({ c }) => c === collection).map(({ i, n }) => [i, n])))
    // Without an image somebody else has just finished it.
    return docs.flatMap((doc) => {
      const n = doc.n ?? images.get(doc._id)
      return n ? [{ ...doc, n }] : []
    })
  }

  /** What roots have decided is finished before they are written again: they keep one decision only. */
  async settleBefore(entries: readonly Pick<Entry, 'doc'>[]): Promise<void> {
    const open = new Map(entries.flatMap(({ doc }) => (doc?.p && !this.isFinished(doc.p) ? [[doc.p.i, doc.p.c] as const] : [])))
    await Promise.all([...open].map(([id, collections]) => this.settle(id, collections)))
  }

  /** Whether this process knows that nothing is left to do for a change. */
  isFinished({ i }: Decided): boolean {
    return this.#finished.has(i)
  }

  #noteFinished(id: string): void {
    this.#finished.add(id)
    if (this.#finished.size > mostFinished) for (const oldest of this.#finished) return void this.#finished.delete(oldest)
  }

  /** Takes the locks of a change away that is not decided and never will be. */
  async #undo(id: string, collections: Iterable<string>): Promise<void> {
    await Promise.all(
      [...collections].map(async (collection) => {
        await persist(() => this.rows(collection).deleteMany({ l: id, b: true }))
        await persist(() => this.rows(collection).updateMany({ l: id, b: unlocked }, { $unset: { l: '', o: '', n: '', g: '' } }))
      }),
    )
  }

  /** Takes new documents away whose change is not decided and never will be. */
  async #remove(v: string, tables: ReadonlyMap<string, readonly Entry[]>): Promise<void> {
    await Promise.all(
      [...tables].flatMap(([collection, entries]) =>
        chunks(entries).map((some) => persist(() => this.rows(collection).deleteMany({ _id: { $in: some.map(({ id }) => id) }, v }))),
      ),
    )
  }

  /** Whether a document is known to be there, held by nobody. */
  isSettled(doc: RowDoc): boolean {
    return doc.l === undefined && this.#epochs.isThere(doc)
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
    return current && (await this.#epochs.look(current)).verdict === 'there' ? current : undefined
  }

  /** What lies there: as it was before where somebody holds it. Finishes nothing and waits for nobody. */
  async unsettled(doc: RowDoc): Promise<RowDoc | undefined> {
    return doc.l !== undefined || (await this.#epochs.look(doc)).verdict === 'there' ? doc : undefined
  }

  /** The document once nobody holds it; who holds it for too long is refused. */
  async free(collection: string, doc: RowDoc): Promise<RowDoc | undefined> {
    let current: RowDoc | null = doc
    const since = new Map<string, number>()
    const isTired = (id: string) => performance.now() - (since.get(id) ?? since.set(id, performance.now()).get(id)!) > this.patienceMs
    for (let attempt = 1; current; attempt++) {
      if (current.l !== undefined) {
        const id: string = current.l
        const root: RowDoc | null = await this.#rootOf(current)
        if (root?.p?.i === id) await this.settle(id, [collection, ...root.p.c])
        else if (isTired(id)) await this.#refuse(current, root)
        else await pause(Math.random() * Math.min(50, 2 * attempt))
      } else {
        const { verdict, root } = await this.#epochs.look(current)
        if (verdict === 'there') return current
        if (verdict === 'never' || (isTired(current.v) && (await this.#touch([checkpointCollection, beginningOf(current.s as string).root], root))))
          await this.#removeOne(collection, current)
        else await pause(Math.random() * Math.min(50, 2 * attempt))
      }
      current = await persist(() => this.rows(collection).findOne({ _id: doc._id }))
    }
    return undefined
  }

  async #removeOne(collection: string, { _id, v }: RowDoc): Promise<void> {
    await persist(() => this.rows(collection).deleteOne({ _id, v, l: unlocked }))
  }

  /** Refuses the change that holds a document, unless it was decided meanwhile, and takes its locks away. */
  async #refuse({ l, o }: RowDoc, root: RowDoc | null): Promise<void> {
    const place = o as Lock['o']
    if (await this.#touch(place, root ?? undefined)) await this.#undo(l as string, new Set([...this.#collections, place[0]]))
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
    await this.#parts.deleteMany({ at: { $lt: this.now() - keepMs } })
  }

  #later(work: Promise<unknown>): void {
    const loose = work.catch(() => undefined).finally(() => this.#loose.delete(loose))
    this.#loose.add(loose)
  }

  async close(): Promise<void> {
    await atMost(1_000, Promise.all(this.#loose))
  }
}

/** Whether a document has been written by the attempt of that id. */
export const isMine = (doc: RowDoc | null, v: string): boolean => doc !== null && (doc.v === v || doc.w?.includes(v) === true)

/**
 * The document whose write decides. A checkpoint is written by one copy at a time, which knows what it has decided; one that is there and stays needs no mark
 * that expires. Of several it is the same one in every copy.
 */
const rootOf = (entries: readonly Entry[]): Entry => {
  const there = entries.filter(({ doc, json }) => doc && json !== undefined)
  const candidates = [
    there.filter(({ shape }) => shape.collection === checkpointCollection),
    there,
    entries.filter(({ json }) => json !== undefined),
    entries,
  ].find(({ length }) => length > 0) as readonly Entry[]
  return candidates.reduce((first, one) => (placeOf(one) < placeOf(first) ? one : first))
}

const placeOf = ({ shape, id }: Entry): string => shape.collection + separator + id

/** Whether what the documents of a table shall be lies apart from them until the decision. */
const inPartsToo = (entries: readonly Entry[]): boolean => entries.filter(({ doc }) => doc).length > few

const byCollection = (entries: readonly Entry[]): Map<string, Entry[]> => {
  const tables = new Map<string, Entry[]>()
  for (const entry of entries) {
    const table = tables.get(entry.shape.collection)
    if (table) table.push(entry)
    else tables.set(entry.shape.collection, [entry])
  }
  return tables
}

/** Cut so that each fits into a document. */
const inParts = (next: Part['next']): Part['next'][] => {
  const parts: Part['next'][number][][] = []
  let size = Infinity
  for (const one of next) {
    size += one.n.r.length
    if (size > mostCharacters || (parts.at(-1)?.length ?? 0) >= atOnce) parts.push([])
    if (parts.at(-1)?.length === 0) size = one.n.r.length
    parts.at(-1)?.push(one)
  }
  return parts
}

export const chunks = <T>(items: readonly T[], size = atOnce): T[][] => {
  const made: T[][] = []
  for (let i = 0; i < items.length; i += size) made.push(items.slice(i, i + size))
  return made
}
