/** Documents by their ids: what is asked for in one turn of the event loop is one command for each collection. */
/** Taken at load, so that tests with fake timers still read. */
const afterTurn = setImmediate

interface Round<Doc> {
  readonly ids: Set<string>
  readonly found: Promise<ReadonlyMap<string, Doc>>
}

export class Lookups<Doc extends { readonly _id: string }> {
  readonly #rounds = new Map<string, Round<Doc>>()

  constructor(private readonly find: (collection: string, ids: readonly string[]) => Promise<readonly Doc[]>) {}

  async one(collection: string, id: string): Promise<Doc | undefined> {
    let round = this.#rounds.get(collection)
    if (!round) this.#rounds.set(collection, (round = this.#begin(collection)))
    round.ids.add(id)
    return (await round.found).get(id)
  }

  #begin(collection: string): Round<Doc> {
    const ids = new Set<string>()
    const find = async (): Promise<ReadonlyMap<string, Doc>> => {
      await new Promise<void>((resolve) => afterTurn(resolve))
      // Whoever asks from now on asks later than what is read now.
      this.#rounds.delete(collection)
      return new Map((await this.find(collection, [...ids])).map((doc) => [doc._id, doc]))
    }
    return { ids, found: find() }
  }
}

/** What finds one document or some of them. */
export const byIds = (ids: readonly string[]): { readonly _id: string | { readonly $in: string[] } } => ({
  _id: ids.length === 1 ? (ids[0] as string) : { $in: [...ids] },
})
