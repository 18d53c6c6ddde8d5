/**
 * Work that may run beside other work of its kind, and work that runs alone. In the order in which it was asked for: what runs alone waits for what has
 * begun, and what comes after it waits for it.
 */
export class SharedExclusiveLock {
  readonly #beside = new Set<Promise<unknown>>()
  /** The last work that runs alone; never rejects. */
  #alone: Promise<unknown> = Promise.resolve()

  /** Beside others. */
  shared<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#alone.then(run)
    const ended = quiet(result).finally(() => this.#beside.delete(ended))
    this.#beside.add(ended)
    return result
  }

  /** Alone. */
  exclusive<T>(run: () => Promise<T>): Promise<T> {
    const result = this.idle().then(run)
    this.#alone = quiet(result)
    return result
  }

  /** Resolves when everything is done that has been asked for by now. */
  async idle(): Promise<void> {
    await Promise.all([this.#alone, ...this.#beside])
  }
}

const quiet = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    () => undefined,
  )
