/** Documents by their ids: what is asked for in one turn of the event loop is one command for each collection. */
import type { RowDoc } from './row-shape.js'

/** Taken at load, so that tests with fake timers still read. */
const afterTurn = setImmediate

interface Round {
  readonly ids: Set<string>
  readonly found: Promise<ReadonlyMap<string, RowDoc>>
}

export class Lookups {
  readonly #rounds = new Map<string, Round>()

  constructor(private readonly find: (collection: string, ids: readonly string[]) => Promise<readonly RowDoc[]>) {}

  async one(collection: string, id: string): Promise<RowDoc | undefined> {
    let round = this.#rounds.get(collection)
    if (!round) this.#rounds.set(collection, (round = this.#begin(collection)))
    round.ids.add(id)
    return (await round.found).get(id)
  }

  #begin(collection: string): Round {
    const ids = new Set<string>()
    const find = async (): Promise<ReadonlyMap<string, RowDoc>> => {
      await new Promise<void>((resolve) => afterTurn(resolve))
      // Whoever asks from now on asks later than what is read now.
      this.#rounds.delete(collection)
      return new Map((await this.find(collection, [...ids])).map((doc) => [doc._id, doc]))
    }
    return { ids, found: find() }
  }
}
