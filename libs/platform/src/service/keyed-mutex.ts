/** Lets calls of this process that touch the same keys go one after the other. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<unknown>>()

  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = new Set<Promise<unknown>>()
    let release!: () => void
    const own = new Promise<void>((resolve) => (release = resolve))
    // All keys are taken in one turn of the event loop: two calls cannot wait for each other.
    for (const key of keys) {
      const tail = this.#tails.get(key)
      if (tail) before.add(tail)
      this.#tails.set(key, own)
    }
    try {
      await Promise.all(before)
      return await work()
    } finally {
      release()
      for (const key of keys) if (this.#tails.get(key) === own) this.#tails.delete(key)
    }
  }
}
