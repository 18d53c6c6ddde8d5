/**
 * Changes of several documents as one, without a transaction of the server.
 *
 * 1. Each document is locked by one write, conditional on what was read: an existing one keeps its row and gets the next one beside it, a
 *    new one is inserted as it will be, marked as not yet born.
 * 2. One insert into `commits_of_rows` decides: `s: 1` by the writer commits, `s: 0` by anybody who is tired of waiting undoes. Its `_id` is unique, so
 *    only one of them is ever there.
 * 3. Everybody who meets a lock can finish or undo it alone: each step is conditional on the lock.
 *
 * So a reader sees the row before or after the decision, whoever dies where.
 */
import { acknowledged, durable, nonce, prepare, type Collection, type Db } from './database.js'
import { atMost, duplicatesOf, isDuplicate, pause, persist } from './retry.js'
import { changeTo, removal, type Durability, type Image, type RowDoc } from './row-shape.js'
import { entryImage, type Entry } from './row-plan.js'
import mongoose from 'mongoose'

/** The decision about a change of several documents; its id is what their locks name. */
interface Decision {
  readonly _id: string
  /** 0 undone, 1 committed, 2 committed and finished by somebody else than its writer. */
  readonly s: 0 | 1 | 2
  /** Collections of the documents. */
  readonly c?: readonly string[]
  /** Milliseconds since 1970; only for clearing away. */
  readonly at: number
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
/** How long decisions are kept for writers that do not know them yet. */
const keepMs = 3_600_000
const clearAfterMs = 500
const atOnce = 1_000
const side = 250
/** So many documents of a table are locked with what they shall be beside them, and finished one by one; of more of them that lies elsewhere. */
const few = 16
const mostCharacters = 2_000_000

const unlocked = { $exists: false }
/** A document that was inserted under a lock is as it shall be. */
const born = { $unset: { l: '', b: '' } } as const
const concern = (durability: Durability) => ({ writeConcern: durability === 'full' ? durable : acknowledged })

export class RowCommits {
  readonly #db: Db
  readonly #decisions: Collection<Decision>
  readonly #parts: Collection<Part>
  /** Work that no caller waits for. */
  readonly #loose = new Set<Promise<unknown>>()
  /** Changes whose decisions can be cleared away. */
  readonly #finished: string[] = []
  #clearing: NodeJS.Timeout | undefined
  /** Committed decisions that were there in the last round of `recover`. */
  #seen = new Set<string>()

  constructor(
    db: Db,
    private readonly now: () => number,
    private readonly patienceMs = lockPatienceMs,
  ) {
    this.#db = db
    this.#decisions = db.collection<Decision>('commits_of_rows')
    this.#parts = db.collection<Part>('parts_of_rows')
  }

  async prepare(): Promise<void> {
    await persist(() => prepare(this.#db, 'commits_of_rows'))
    await persist(() => prepare(this.#db, 'parts_of_rows', [{ key: { of: 1 }, name: 'of' }]))
  }

  rows(collection: string): Collection<RowDoc> {
    return this.#db.collection<RowDoc>(collection)
  }

  /** Writes all entries or none; answers the id of the write, or nothing when one of them is not as it was read. */
  async commit(entries: readonly Entry[], durability: Durability): Promise<string | undefined> {
    const id = nonce()
    const tables = byCollection(entries)
    try {
      if (!(await this.#lock(id, tables, durability))) {
        await this.#undo(id, [...tables.keys()])
        return undefined
      }
    } catch (error) {
      // Whether some are locked is not known. Nobody else can commit this id, so they may be unlocked; what comes late is undone by whoever meets it.
      await this.#undo(id, [...tables.keys()]).catch(() => undefined)
      throw error
    }
    if (!(await this.#decide({ _id: id, s: 1, c: [...tables.keys()], at: this.now() }, durability))) {
      await this.#undo(id, [...tables.keys()])
      return undefined
    }
    await this.#finish(id, tables, durability)
    this.#finished.push(id)
    this.#clearing ??= setTimeout(() => this.#clear(), clearAfterMs).unref()
    if (entries.length > few) this.#later(this.#parts.deleteMany({ of: id }))
    return id
  }

  async #lock(id: string, tables: ReadonlyMap<string, readonly Entry[]>, durability: Durability): Promise<boolean> {
    const locked = await Promise.all(
      [...tables].flatMap(([collection, entries]) => [
        this.#lockNew(
          id,
          collection,
          entries.filter(({ doc }) => !doc),
          durability,
        ),
        this.#lockExisting(
          id,
          collection,
          entries.filter(({ doc }) => doc),
          durability,
        ),
      ]),
    )
    return locked.every(Boolean)
  }

  async #lockNew(id: string, collection: string, entries: readonly Entry[], durability: Durability): Promise<boolean> {
    for (const some of chunks(entries)) {
      const docs = some.map((entry): RowDoc => ({ _id: entry.id, ...(entryImage(entry) as Image), v: id, l: id, b: true }))
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
  async #lockExisting(id: string, collection: string, entries: readonly Entry[], durability: Durability): Promise<boolean> {
    if (entries.length > few) return this.#lockMany(id, collection, entries, durability)
    const locks = entries.map((entry) => {
      const next = entryImage(entry)
      return { filter: { _id: entry.id, v: (entry.doc as RowDoc).v, l: unlocked }, update: { $set: { l: id, ...(next ? { n: next } : { g: true as const }) } } }
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
  async #lockMany(id: string, collection: string, entries: readonly Entry[], durability: Durability): Promise<boolean> {
    const rows = this.rows(collection)
    const gone = entries.filter(({ json }) => json === undefined)
    const kept = entries.filter(({ json }) => json !== undefined)
    const lock = async (some: readonly Entry[], $set: Partial<RowDoc>): Promise<void> => {
      for (const part of chunks(some)) await rows.updateMany({ _id: { $in: part.map((entry) => entry.id) }, l: unlocked }, { $set }, concern(durability))
    }
    await Promise.all([lock(kept, { l: id }), lock(gone, { l: id, g: true })])
    const locked = await rows.find({ l: id, b: unlocked }, { projection: { v: 1 } }).toArray()
    const versions = new Map(locked.map(({ _id, v }) => [_id, v]))
    if (!entries.every((entry) => versions.get(entry.id) === (entry.doc as RowDoc).v)) return false
    const next = kept.map((entry) => ({ c: collection, i: entry.id, n: entryImage(entry) as Image }))
    await Promise.all(inParts(next).map((part) => this.#parts.insertOne({ _id: nonce(), of: id, next: part, at: this.now() }, concern(durability))))
    return true
  }

  /** True when the decision is stored as it was wanted, now or by an attempt whose answer was lost. */
  async #decide(decision: Decision, durability: Durability): Promise<boolean> {
    return persist(async () => {
      try {
        await this.#decisions.insertOne(decision, concern(durability))
        return true
      } catch (error) {
        if (!isDuplicate(error)) throw error
        const stored = await this.#decisions.findOne({ _id: decision._id })
        return stored !== null && stored.s > 0 === decision.s > 0
      }
    })
  }

  /** Brings the documents of a committed change to what they shall be. Harmless when repeated. */
  async #finish(id: string, tables: ReadonlyMap<string, readonly Entry[] | undefined>, durability: Durability): Promise<void> {
    await Promise.all(
      [...tables].map(async ([collection, entries]) => {
        const rows = this.rows(collection)
        if (entries && entries.length <= few) {
          const updates = entries.map((entry) => ({ updateOne: { filter: { _id: entry.id, l: id }, update: this.#end(id, entry) as never } }))
          await persist(() => rows.bulkWrite(updates, { ordered: false, ...concern(durability) }))
          return
        }
        const next = entries
          ? entries.flatMap(({ doc, ...entry }) => (doc && entry.json !== undefined ? [{ ...doc, n: entryImage({ ...entry, doc }) as Image }] : []))
          : await this.#unfinished(id, collection)
        const update = (some: readonly RowDoc[]) => {
          const updates = some.map((doc) => ({ updateOne: { filter: { _id: doc._id, l: id }, update: changeTo(doc, doc.n as Image, id) as never } }))
          return persist(() => rows.bulkWrite(updates, { ordered: false, ...concern(durability) }))
        }
        // A server does one command on one core: some commands side by side are done sooner.
        for (const some of chunks(next)) await Promise.all(chunks(some, side).map(update))
        if (!entries || entries.some(({ json }) => json === undefined))
          await persist(() => rows.updateMany({ l: id, g: true }, removal(id, this.now()) as never, concern(durability)))
        if (!entries || entries.some(({ doc }) => !doc)) await persist(() => rows.updateMany({ l: id, b: true }, born, concern(durability)))
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

  /** Documents of a committed change that still are as they were, with what they shall be. */
  async #unfinished(id: string, collection: string): Promise<RowDoc[]> {
    const docs = await persist(() => this.rows(collection).find({ l: id, b: unlocked, g: unlocked }).toArray())
    if (docs.every(({ n }) => n)) return docs
    const parts = await persist(() => this.#parts.find({ of: id }).toArray())
    const images = new Map(parts.flatMap(({ next }) => next.filter(({ c }) => c === collection).map(({ i, n }) => [i, n])))
    // Without an image somebody else has just finished it.
    return docs.flatMap((doc) => {
      const n = doc.n ?? images.get(doc._id)
      return n ? [{ ...doc, n }] : []
    })
  }

  /** Takes the locks of a change away that is not committed and never will be. */
  async #undo(id: string, collections: readonly string[]): Promise<void> {
    await Promise.all(
      collections.map(async (collection) => {
        await persist(() => this.rows(collection).deleteMany({ l: id, b: true }))
        await persist(() => this.rows(collection).updateMany({ l: id, b: unlocked }, { $unset: { l: '', n: '', g: '' } }))
      }),
    )
  }

  /** The document as it is for a reader: what is not decided has not happened. */
  async read(collection: string, doc: RowDoc): Promise<RowDoc | undefined> {
    let current: RowDoc | null = doc
    for (let undecided: string | undefined; current?.l !== undefined;) {
      const id: string = current.l
      const decision: Decision | null = await persist(() => this.#decisions.findOne({ _id: id }))
      if (decision) await this.#settle(decision, collection)
      // Without a decision before this reading of the document, it was not decided then.
      else if (undecided === id) return current.b ? undefined : current
      else undecided = id
      current = await persist(() => this.rows(collection).findOne({ _id: doc._id }))
    }
    return current ?? undefined
  }

  /** The document once nobody holds it; who holds it for too long is undone. */
  async free(collection: string, doc: RowDoc): Promise<RowDoc | undefined> {
    let current: RowDoc | null = doc
    const since = new Map<string, number>()
    for (let attempt = 1; current?.l !== undefined; attempt++) {
      const id: string = current.l
      const decision: Decision | null = await persist(() => this.#decisions.findOne({ _id: id }))
      if (decision) await this.#settle(decision, collection)
      else if (performance.now() - (since.get(id) ?? since.set(id, performance.now()).get(id)!) > this.patienceMs)
        await this.#decide({ _id: id, s: 0, at: this.now() }, 'full')
      else await pause(Math.random() * Math.min(50, 2 * attempt))
      current = await persist(() => this.rows(collection).findOne({ _id: doc._id }))
    }
    return current ?? undefined
  }

  async #settle(decision: Decision, collection: string): Promise<void> {
    if (decision.s === 0) await this.#undo(decision._id, [collection])
    else await this.#finish(decision._id, new Map([collection, ...(decision.c ?? [])].map((one) => [one, undefined])), 'full')
  }

  /** Finishes what a writer that is gone has committed, and clears old decisions away. Called from time to time; at the start with all that is there. */
  async recover(all: boolean): Promise<void> {
    const committed = await this.#decisions.find({ s: 1 }).toArray()
    for (const decision of committed) {
      if (!all && !this.#seen.has(decision._id)) continue
      await this.#settle(decision, decision.c?.[0] as string)
      await this.#decisions.updateOne({ _id: decision._id, s: 1 }, { $set: { s: 2 } })
    }
    this.#seen = new Set(committed.map(({ _id }) => _id))
    await this.#decisions.deleteMany({ s: { $in: [0, 2] }, at: { $lt: this.now() - keepMs } })
    await this.#parts.deleteMany({ at: { $lt: this.now() - keepMs } })
  }

  #later(work: Promise<unknown>): void {
    const loose = work.catch(() => undefined).finally(() => this.#loose.delete(loose))
    this.#loose.add(loose)
  }

  /** Nobody asks for the decision about a change that is finished. */
  #clear(): void {
    clearTimeout(this.#clearing)
    this.#clearing = undefined
    const finished = this.#finished.splice(0)
    if (finished.length > 0) this.#later(this.#decisions.deleteMany({ _id: { $in: finished } }))
  }

  async close(): Promise<void> {
    this.#clear()
    await atMost(1_000, Promise.all(this.#loose))
  }
}

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
