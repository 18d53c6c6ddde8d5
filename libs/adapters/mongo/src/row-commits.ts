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
import { duplicatesOf, isDuplicate, pause, persist } from './retry.js'
import { expiring, writersOf, type Durability, type Image, type RowDoc } from './row-shape.js'
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

/** How long a lock without a decision is waited for, by the clock of whoever waits. */
const lockPatienceMs = 2_000
/** How long decisions are kept for writers that do not know them yet. */
const keepMs = 3_600_000
const atOnce = 1_000

const unlocked = { $exists: false }
const concern = (durability: Durability) => ({ writeConcern: durability === 'full' ? durable : acknowledged })

export class RowCommits {
  readonly #db: Db
  readonly #decisions: Collection<Decision>
  /** Work that no caller waits for. */
  readonly #loose = new Set<Promise<unknown>>()
  /** Committed decisions that were there in the last round of `recover`. */
  #seen = new Set<string>()

  constructor(
    db: Db,
    private readonly patienceMs = lockPatienceMs,
  ) {
    this.#db = db
    this.#decisions = db.collection<Decision>('commits_of_rows')
  }

  prepare(): Promise<void> {
    return persist(() => prepare(this.#db, 'commits_of_rows'))
  }

  rows(collection: string): Collection<RowDoc> {
    return this.#db.collection<RowDoc>(collection)
  }

  /** Writes all entries or none; false when one of them is not as it was read. */
  async commit(entries: readonly Entry[], durability: Durability, now: number): Promise<boolean> {
    const id = nonce()
    const tables = byCollection(entries)
    try {
      if (!(await this.#lock(id, tables, durability))) {
        await this.#undo(id, [...tables.keys()])
        return false
      }
    } catch (error) {
      // Whether some are locked is not known. Nobody else can commit this id, so they may be unlocked; what comes late is undone by whoever meets it.
      await this.#undo(id, [...tables.keys()]).catch(() => undefined)
      throw error
    }
    if (!(await this.#decide({ _id: id, s: 1, c: [...tables.keys()], at: now }, durability))) {
      await this.#undo(id, [...tables.keys()])
      return false
    }
    await this.#finish(id, tables, durability)
    this.#later(this.#decisions.deleteOne({ _id: id }))
    return true
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

  async #lockExisting(id: string, collection: string, entries: readonly Entry[], durability: Durability): Promise<boolean> {
    const locks = entries.map((entry) => {
      const next = entryImage(entry)
      return { filter: { _id: entry.id, v: (entry.doc as RowDoc).v, l: unlocked }, update: { $set: { l: id, ...(next ? { n: next } : { g: true as const }) } } }
    })
    if (locks.length <= 16) {
      const results = await Promise.all(locks.map(({ filter, update }) => this.rows(collection).updateOne(filter, update, concern(durability))))
      return results.every(({ matchedCount }) => matchedCount === 1)
    }
    for (const some of chunks(locks))
      await this.rows(collection).bulkWrite(
        some.map((lock) => ({ updateOne: lock })),
        { ordered: false, ...concern(durability) },
      )
    // Counts of a bulk are not right on every server: what carries the lock is.
    return (await this.rows(collection).countDocuments({ l: id, b: unlocked })) === entries.length
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
        const next = entries
          ? entries.flatMap(({ doc, ...entry }) => (doc && entry.json !== undefined ? [{ ...doc, n: entryImage({ ...entry, doc }) }] : []))
          : await persist(() => rows.find({ l: id, n: { $exists: true } }).toArray())
        for (const some of chunks(next)) {
          const updates = some.map((doc) => ({
            updateOne: {
              filter: { _id: doc._id, l: id },
              update: { $set: { ...(doc.n as Image), v: id, w: writersOf(doc) }, $unset: expiring(doc.n as Image) },
            },
          }))
          await persist(() => rows.bulkWrite(updates, { ordered: false, ...concern(durability) }))
        }
        if (!entries || entries.some(({ json }) => json === undefined)) await persist(() => rows.deleteMany({ l: id, g: true }, concern(durability)))
        if (!entries || entries.some(({ doc }) => !doc))
          await persist(() => rows.updateMany({ l: id, b: true }, { $unset: { l: '', b: '' } }, concern(durability)))
      }),
    )
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
        await this.#decide({ _id: id, s: 0, at: Date.now() }, 'full')
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
  async recover(all: boolean, now: number): Promise<void> {
    const committed = await this.#decisions.find({ s: 1 }).toArray()
    for (const decision of committed) {
      if (!all && !this.#seen.has(decision._id)) continue
      await this.#settle(decision, decision.c?.[0] as string)
      await this.#decisions.updateOne({ _id: decision._id, s: 1 }, { $set: { s: 2 } })
    }
    this.#seen = new Set(committed.map(({ _id }) => _id))
    await this.#decisions.deleteMany({ s: { $in: [0, 2] }, at: { $lt: now - keepMs } })
  }

  #later(work: Promise<unknown>): void {
    const loose = work.catch(() => undefined).finally(() => this.#loose.delete(loose))
    this.#loose.add(loose)
  }

  async close(): Promise<void> {
    await Promise.all(this.#loose)
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

export const chunks = <T>(items: readonly T[]): T[][] => {
  const made: T[][] = []
  for (let i = 0; i < items.length; i += atOnce) made.push(items.slice(i, i + atOnce))
  return made
}
