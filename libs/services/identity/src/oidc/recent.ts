/**
 * A bounded cache in two generations: what was not used while one generation filled up goes first. A hit changes nothing as long as the value
 * is in the younger one, so that reading, which every request does several times, costs one look.
 */
import type { Views } from '@pavan/platform/views/views.js'

export class Recent<V> {
  #young = new Map<string, V>()
  #old = new Map<string, V>()
  readonly #half: number
  /** What is being read, by key. */
  readonly #reading = new Map<string, Promise<V | undefined>>()

  constructor(limit: number) {
    this.#half = Math.max(1, Math.floor(limit / 2))
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: V): void {
    this.#old.delete(key)
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  /**
   * The value that is known, or what `read` finds, which is kept unless it was changed meanwhile (`delete`, `clear`). Whoever asks while it is read shares the answer, as
   * long as nothing changed. What is not there (`undefined`) is read each time.
   */
  async through(key: string, read: () => Promise<V | undefined>): Promise<V | undefined> {
    const known = this.get(key) ?? this.#reading.get(key)
    if (known !== undefined) return known
    const reading = read()
    this.#reading.set(key, reading)
    try {
      const found = await reading
      if (found !== undefined && this.#reading.get(key) === reading) this.set(key, found)
      return found
    } finally {
      if (this.#reading.get(key) === reading) this.#reading.delete(key)
    }
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
    this.#reading.delete(key)
  }

  /** Forgets from now on what a view changes. `of` makes of the key of a row the key that is used here. */
  keepFresh(views: Pick<Views, 'watch'>, view: string, of: (key: string) => string = (key) => key): void {
    views.watch(view, {
      changed: (changes) => {
        for (const one of changes) {
          if ('key' in one) this.delete(of(one.key))
          else this.clear()
        }
      },
      outdated: () => this.clear(),
    })
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
    this.#reading.clear()
  }
}
