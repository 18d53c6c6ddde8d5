/**
 * Changes of several documents as one, without a transaction of the server.
 *
 * 1. All documents but one are locked, each by one write, conditional on what was read: an existing one keeps its row and gets the next one beside it, a
 *    new one is inserted as it will be, marked as not yet born. Each lock names the document that is left: the root. Where that is a checkpoint, new ones
 *    need no lock that is taken away: see row-epochs.ts.
 * 2. The write of the root decides. It is conditional on what was read, too, and leaves in the root which change that was. Who is tired of waiting for it
 *    touches the root before: then the condition does not hold any more.
 * 3. Everybody who meets a lock can finish or undo it alone (open-changes.ts): the root says which, and each step is conditional on the lock. A root is not written
 *    again before what it has decided is finished.
 *
 * So a reader sees the row before or after the decision, whoever dies where.
 */
import { byId, chunks, concern, mostAtOnce, nonce } from './database.js'
import { born, unlocked, type Lock, type OpenChanges } from './open-changes.js'
import { separator } from './ordered-text.js'
import { atMost, isDuplicate, persist } from './retry.js'
import { checkpointCollection } from './row-epochs.js'
import { entryImage, type Entry } from './row-plan.js'
import { changeTo, markOf, removal, type Decided, type Durability, type Image, type Mark, type RowDoc } from './row-shape.js'
import { Together } from './together.js'

/** What a write has left: its id, and what the root keeps of a change of several documents. */
export interface Written {
  readonly v: string
  readonly root: Entry
  readonly mark: Mark
}

/** A checkpoint that takes a step. */
interface Move {
  readonly filter: { readonly _id: string; readonly v: string; readonly l: typeof unlocked }
  readonly update: object
}

/** So many documents of a table are locked with what they shall be beside them, and finished one by one; of more of them that lies elsewhere. */
const few = 16
const mostCharacters = 2_000_000

export class RowCommits {
  readonly #inserts = new Map<string, Together<readonly RowDoc[], boolean>>()
  readonly #moves = new Map<Durability, Together<Move, boolean>>()
  /** Work that no caller waits for. */
  readonly #loose = new Set<Promise<unknown>>()

  constructor(
    private readonly open: OpenChanges,
    private readonly now: () => number,
  ) {}

  /** Writes all entries or none; answers what that left, or nothing when one of them is not as it was read. */
  async write(entries: readonly Entry[], durability: Durability): Promise<Written | undefined> {
    await this.open.settleBefore(entries)
    const v = nonce()
    const root = rootOf(entries)
    if (entries.length === 1) return (await this.#one(root, v, durability)) ? { v, root, mark: {} } : undefined
    const others = entries.filter((entry) => entry !== root)
    const made = byCollection(others.filter(({ doc }) => !doc))
    const begun = made.size > 0 ? await this.open.epochs.begin(root, made.keys()) : undefined
    const s = begun?.text
    const fresh = s === undefined ? new Map<string, Entry[]>() : made
    const members = byCollection(s === undefined ? others : others.filter(({ doc }) => doc))
    const p: Decided | undefined = members.size > 0 ? { i: v, c: [...members.keys()] } : undefined
    const mark: Mark = { ...(p ? { p } : {}), ...begun?.progress }
    const undo = () => Promise.all([this.open.undo(v, members.keys()), this.#remove(v, fresh)])
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
      if (begun) this.open.epochs.lost(root.id)
      await undo().catch(() => undefined)
      throw error
    }
    try {
      if (!(await this.#one(root, v, durability, mark))) {
        await undo()
        return undefined
      }
    } catch (error) {
      if (begun) this.open.epochs.lost(root.id)
      throw error
    }
    if (begun) this.open.epochs.decided(root.id, begun)
    if (p) {
      await this.#finish(v, members, durability)
      this.open.noteFinished(v)
    }
    if ([...members.values()].some(inPartsToo)) this.#later(this.open.parts.deleteMany({ of: v }))
    return { v, root, mark }
  }

  /** One document, conditional on what was read; false when it is not so any more. */
  async #one(entry: Entry, v: string, durability: Durability, mark: Mark = {}): Promise<boolean> {
    const { id: _id, doc } = entry
    const rows = this.open.rows(entry.shape.collection)
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
      const filter = { _id, v: doc.v, l: unlocked }
      const done =
        entry.shape.collection === checkpointCollection
          ? await this.#movesOf(durability).run({ filter, update: change })
          : (await rows.updateOne(filter, change as never, concern(durability))).matchedCount === 1
      return done || isMine(await rows.findOne({ _id }), v)
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
    const docs = entries.map((entry): RowDoc => ({ _id: entry.id, ...(entryImage(entry) as Image), ...beside }))
    for (const some of parts(docs, lengthOf)) if (!(await this.#insertsOf(collection, durability).run(some))) return false
    return true
  }

  #insertsOf(collection: string, durability: Durability): Together<readonly RowDoc[], boolean> {
    const send = async (some: readonly (readonly RowDoc[])[]): Promise<boolean[]> => {
      const all = some.flat().toSorted(byId)
      const refused = new Set((await this.open.insert(collection, all, durability)).map((index) => all[index]))
      return some.map((docs) => !docs.some((doc) => refused.has(doc)))
    }
    return kept(this.#inserts, `${collection} ${durability}`, () => new Together(send, (docs) => docs.reduce((sum, doc) => sum + lengthOf(doc), 0)))
  }

  /**
   * Checkpoints of many consumers and partitions move at the same moment, and each is written by one copy. Other rows do not go together: who consumes what is used
   * once must be told by the count of its own write.
   */
  #movesOf(durability: Durability): Together<Move, boolean> {
    const send = async (moves: readonly Move[]): Promise<boolean[]> => {
      const rows = this.open.rows(checkpointCollection)
      const [only] = moves
      if (only && moves.length === 1) return [(await rows.updateOne(only.filter, only.update as never, concern(durability))).matchedCount === 1]
      const updates = moves.toSorted((a, b) => byId(a.filter, b.filter)).map(({ filter, update }) => ({ updateOne: { filter, update: update as never } }))
      const { matchedCount } = await rows.bulkWrite(updates, { ordered: false, ...concern(durability) })
      // Of several nobody says which: each looks for itself then.
      return moves.map(() => matchedCount === moves.length)
    }
    return kept(this.#moves, durability, () => new Together(send))
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
    if (locks.length === 1) return (await this.open.rows(collection).updateOne(only.filter, only.update, concern(durability))).matchedCount === 1
    const { matchedCount } = await this.open.rows(collection).bulkWrite(
      locks.map((updateOne) => ({ updateOne })),
      { ordered: false, ...concern(durability) },
    )
    return matchedCount === locks.length
  }

  /** Many at once: first the lock alone, then a look whether they still are as they were read. What they shall be is written apart. */
  async #lockMany(own: Lock, collection: string, entries: readonly Entry[], durability: Durability): Promise<boolean> {
    const rows = this.open.rows(collection)
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
    const some = parts(next, ({ n }) => lengthOf(n))
    await Promise.all(some.map((part) => this.open.parts.insertOne({ _id: nonce(), of: own.l, next: part, at: this.now() }, concern(durability))))
    return true
  }

  /** Brings the documents of a change that its writer knows to what they shall be. Harmless when repeated. */
  async #finish(id: string, tables: ReadonlyMap<string, readonly Entry[]>, durability: Durability): Promise<void> {
    await Promise.all(
      [...tables].map(async ([collection, entries]) => {
        if (entries.length <= few) {
          const updates = entries.map((entry) => ({ updateOne: { filter: { _id: entry.id, l: id }, update: this.#end(id, entry) as never } }))
          await persist(() => this.open.rows(collection).bulkWrite(updates, { ordered: false, ...concern(durability) }))
          return
        }
        const next = entries.flatMap((entry) => (entry.doc && entry.json !== undefined ? [{ ...entry.doc, n: entryImage(entry) as Image }] : []))
        const some = { gone: entries.some(({ json }) => json === undefined), born: entries.some(({ doc }) => !doc) }
        await this.open.finishMany(id, collection, next, some, durability)
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

  /** Takes new documents away whose change is not decided and never will be. */
  async #remove(v: string, tables: ReadonlyMap<string, readonly Entry[]>): Promise<void> {
    await Promise.all(
      [...tables].flatMap(([collection, entries]) =>
        chunks(entries).map((some) => persist(() => this.open.rows(collection).deleteMany({ _id: { $in: some.map(({ id }) => id) }, v }))),
      ),
    )
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
 * that expires. Where all others are new, one that goes: each of those takes an insert anyway, and the one that is there would take two commands of its own.
 * Of several it is the same one in every copy.
 */
const rootOf = (entries: readonly Entry[]): Entry => {
  const there = entries.filter(({ doc }) => doc)
  const stays = there.filter(({ json }) => json !== undefined)
  const candidates = [stays.filter(({ shape }) => shape.collection === checkpointCollection), stays, there, entries].find(
    ({ length }) => length > 0,
  ) as readonly Entry[]
  return candidates.reduce((first, one) => (placeOf(one) < placeOf(first) ? one : first))
}

const kept = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const known = map.get(key)
  if (known) return known
  const made = make()
  map.set(key, made)
  return made
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

const lengthOf = ({ r = '' }: Partial<Image>): number => r.length

/** Cut so that each fits into a document, and into a message. */
const parts = <T>(items: readonly T[], length: (item: T) => number): T[][] => {
  const made: T[][] = []
  let size = Infinity
  for (const item of items) {
    size += length(item)
    if (size > mostCharacters || (made.at(-1)?.length ?? 0) >= mostAtOnce) {
      made.push([])
      size = length(item)
    }
    made.at(-1)?.push(item)
  }
  return made
}
