/** Calls of one kind that wait at the same moment, as one command: a command costs more than what it says of one document. */
import mongoose from 'mongoose'
import { isTransient } from './retry.js'

/** Commands under way at once. What comes meanwhile goes together in the next one. */
const lanes = 4
/** Beside a command that is under way another one begins after so many milliseconds at the earliest. */
const spacing = 8
const mostItems = 100
const mostCharacters = 4_000_000

interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

export class Together<Item, Result> {
  #waiting: Waiting<Item, Result>[] = []
  #underWay = 0
  /** When the last command began, by the monotonic clock. */
  #begun = -Infinity
  #opening = false

  constructor(
    /** Answers for each, in order. */
    private readonly send: (items: readonly Item[]) => Promise<readonly Result[]>,
    /** About how many characters an item has. */
    private readonly sizeOf: (item: Item) => number = () => 0,
  ) {}

  /** Where the command fails and may have been done, each of those that it is for has failed. */
  run(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      // Those who ask in the same turn of the event loop travel together.
      if (this.#underWay === 0) queueMicrotask(() => void this.#begin())
      else if (this.#underWay < lanes && !this.#opening) {
        this.#opening = true
        setTimeout(() => this.#open(), Math.max(0, this.#begun + spacing - performance.now()))
      }
    })
  }

  #open(): void {
    this.#opening = false
    void this.#begin()
  }

  async #begin(): Promise<void> {
    if (this.#underWay === lanes || this.#waiting.length === 0) return
    this.#underWay++
    while (this.#waiting.length > 0) {
      this.#begun = performance.now()
      await this.#sendAll(this.#next())
    }
    this.#underWay--
  }

  #next(): Waiting<Item, Result>[] {
    let size = 0
    let count = 0
    for (const { item } of this.#waiting) {
      size += this.sizeOf(item)
      if (count > 0 && (count === mostItems || size > mostCharacters)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #sendAll(some: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.send(some.map(({ item }) => item))
      some.forEach(({ resolve }, i) => resolve(results[i] as Result))
    } catch (error) {
      if (some.length === 1 || isTransient(error) || !(error instanceof mongoose.mongo.MongoError)) for (const { reject } of some) reject(error)
      // One that the server does not take hurts none that travels with it.
      else await Promise.all(some.map((one) => this.#sendAll([one])))
    }
  }
}
