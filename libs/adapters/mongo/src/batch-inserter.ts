/** Inserts documents durably, those that wait at the same moment in one command. Each is judged for itself. */
import mongoose from 'mongoose'
import { insertAll, type Collection, type Db } from './database.js'
import { isTransient, persist } from './retry.js'

interface Attempt {
  readonly _id: string
  /** The attempt that wrote it: an insert that is repeated after a lost answer recognizes its own document by it. */
  readonly a: string
}

interface Waiting<Doc> {
  readonly doc: Doc
  readonly resolve: (other: Doc | undefined) => void
  readonly reject: (error: unknown) => void
}

/** Commands under way at once. Further documents travel together in the next one. */
const lanes = 4
/** Beside a command that is under way another one begins after so many milliseconds at the earliest: a command costs more than its documents. */
const spacing = 8
const mostDocuments = 100
const mostCharacters = 4_000_000

export class BatchInserter<Doc extends Attempt> {
  #waiting: Waiting<Doc>[] = []
  #busy = 0
  /** When the last command began, by the monotonic clock. */
  #begun = -Infinity
  #opening = false

  constructor(
    private readonly db: Db,
    private readonly collection: Collection<Doc>,
    private readonly options: {
      /** Characters of a document's largest value. */
      readonly sizeOf?: (doc: Doc) => number
      /** What is read of a document that has another's place. */
      readonly projection?: { readonly [field: string]: 0 }
    } = {},
  ) {}

  /** Answers nothing when the document is stored now, and otherwise what has its place. */
  insert(doc: Doc): Promise<Doc | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ doc, resolve, reject })
      // Those who ask in the same turn of the event loop travel together.
      if (this.#busy === 0) queueMicrotask(() => void this.#run())
      else if (this.#busy < lanes && !this.#opening) {
        this.#opening = true
        setTimeout(() => this.#open(), Math.max(0, this.#begun + spacing - performance.now()))
      }
    })
  }

  #open(): void {
    this.#opening = false
    void this.#run()
  }

  async #run(): Promise<void> {
    if (this.#busy === lanes || this.#waiting.length === 0) return
    this.#busy++
    while (this.#waiting.length > 0) {
      this.#begun = performance.now()
      await this.#insert(this.#next())
    }
    this.#busy--
  }

  #next(): Waiting<Doc>[] {
    let size = 0
    let count = 0
    for (const { doc } of this.#waiting) {
      size += this.options.sizeOf?.(doc) ?? 0
      if (count > 0 && (count === mostDocuments || size > mostCharacters)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #insert(batch: readonly Waiting<Doc>[]): Promise<void> {
    // In one order everywhere, so that two commands cannot wait for each other in the database.
    const sorted = batch.length === 1 ? batch : batch.toSorted((a, b) => (a.doc._id < b.doc._id ? -1 : 1))
    try {
      const stored = await persist(() => this.#send(sorted.map(({ doc }) => doc)))
      sorted.forEach(({ doc, resolve }) => resolve(stored.get(doc)))
    } catch (error) {
      if (batch.length === 1 || isTransient(error) || !(error instanceof mongoose.mongo.MongoError)) for (const { reject } of batch) reject(error)
      // One that the server does not take hurts none that travels with it.
      else await Promise.all(batch.map((one) => this.#insert([one])))
    }
  }

  /** What is in the place of those that are not stored. */
  async #send(docs: readonly Doc[]): Promise<Map<Doc, Doc>> {
    const others = new Map<Doc, Doc>()
    const refused = (await insertAll(this.db, this.collection, docs)).map((index) => docs[index] as Doc)
    if (refused.length > 0) {
      const { projection = {} } = this.options
      const stored = (await this.collection
        .find({ _id: { $in: [...new Set(refused.map(({ _id }) => _id))] } } as never, { projection })
        .toArray()) as unknown as Doc[]
      const byId = new Map(stored.map((doc) => [doc._id, doc]))
      for (const doc of refused) {
        const other = byId.get(doc._id)
        if (!other) throw new mongoose.mongo.MongoNetworkError('a document has a place and cannot be read yet')
        // Its own: an earlier command got through although its answer did not.
        if (other.a !== doc.a) others.set(doc, other)
      }
    }
    return others
  }
}
