/** Inserts documents durably, those that wait at the same moment in one command. Each is judged for itself. */
import mongoose from 'mongoose'
import { byId, insertAll, type Collection, type Db } from './database.js'
import { persist } from './retry.js'
import { Together } from './together.js'

interface Attempt {
  readonly _id: string
  /** The attempt that wrote it: an insert that is repeated after a lost answer recognizes its own document by it. */
  readonly a: string
}

export class BatchInserter<Doc extends Attempt> {
  readonly #together: Together<Doc, Doc | undefined>

  constructor(
    private readonly db: Db,
    private readonly collection: Collection<Doc>,
    private readonly options: {
      /** Characters of a document's largest value. */
      readonly sizeOf?: (doc: Doc) => number
      /** What is read of a document that has another's place. */
      readonly projection?: { readonly [field: string]: 0 }
    } = {},
  ) {
    this.#together = new Together((docs) => this.#insert(docs), options.sizeOf)
  }

  /** Answers nothing when the document is stored now, and otherwise what has its place. */
  insert(doc: Doc): Promise<Doc | undefined> {
    return this.#together.run(doc)
  }

  async #insert(docs: readonly Doc[]): Promise<(Doc | undefined)[]> {
    const sorted = docs.toSorted(byId)
    const others = await persist(() => this.#send(sorted))
    return docs.map((doc) => others.get(doc))
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
