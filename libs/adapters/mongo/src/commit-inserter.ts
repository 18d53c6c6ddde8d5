/** Inserts commits, those that wait at the same moment in one command. Each is judged for itself. */
import mongoose from 'mongoose'
import type { CommitDoc } from './commit-doc.js'
import { durable, type Collection } from './database.js'
import { duplicatesOf, isTransient, persist } from './retry.js'

interface Waiting {
  readonly doc: CommitDoc
  readonly resolve: (stored: CommitDoc | undefined) => void
  readonly reject: (error: unknown) => void
}

/** Commands under way at once. Further commits travel together in the next one. */
const lanes = 4
const mostCommits = 100
const mostCharacters = 4_000_000

export class CommitInserter {
  readonly #commits: Collection<CommitDoc>
  #waiting: Waiting[] = []
  #busy = 0

  constructor(commits: Collection<CommitDoc>) {
    this.#commits = commits
  }

  /** Answers nothing when the commit is stored now, and otherwise what has its place. */
  insert(doc: CommitDoc): Promise<CommitDoc | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ doc, resolve, reject })
      // Those who ask in the same turn of the event loop travel together.
      if (this.#busy < lanes) queueMicrotask(() => void this.#run())
    })
  }

  async #run(): Promise<void> {
    if (this.#busy === lanes || this.#waiting.length === 0) return
    this.#busy++
    while (this.#waiting.length > 0) await this.#insert(this.#next())
    this.#busy--
  }

  #next(): Waiting[] {
    let size = 0
    let count = 0
    for (const { doc } of this.#waiting) {
      size += doc.e.length
      if (count > 0 && (count === mostCommits || size > mostCharacters)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #insert(batch: readonly Waiting[]): Promise<void> {
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
  async #send(docs: readonly CommitDoc[]): Promise<Map<CommitDoc, CommitDoc>> {
    const others = new Map<CommitDoc, CommitDoc>()
    try {
      await this.#commits.insertMany(docs, { ordered: false, writeConcern: durable })
    } catch (error) {
      const refused = [...duplicatesOf(error)].map((index) => docs[index] as CommitDoc)
      const stored = await this.#commits.find({ _id: { $in: [...new Set(refused.map(({ _id }) => _id))] } }, { projection: { e: 0 } }).toArray()
      const byId = new Map(stored.map((doc) => [doc._id, doc]))
      for (const doc of refused) {
        const other = byId.get(doc._id)
        if (!other) throw new mongoose.mongo.MongoNetworkError('a commit has a place and cannot be read yet')
        // Its own: an earlier command got through although its answer did not.
        if (other.a !== doc.a) others.set(doc, other as CommitDoc)
      }
    }
    return others
  }
}
