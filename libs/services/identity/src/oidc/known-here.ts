/**
 * What this process looked up and will look up again, where nobody but this process can change it (`Rows.shared` is false). Whoever changes a value
 * says so when the change is durable and before anybody is told; a look-up that was under way meanwhile is not kept.
 */
import { Recent } from './recent.js'

export class KnownHere<V> {
  readonly #recent: Recent<V> | undefined
  #changes = 0

  constructor(limit: number, shared: boolean) {
    this.#recent = shared ? undefined : new Recent<V>(limit)
  }

  /** The value that is known, or what `look` finds. What is not there (`undefined`) is looked for each time. */
  of(key: string, look: () => Promise<V | undefined>): Promise<V | undefined> {
    return this.#recent ? this.#recent.through(key, look) : look()
  }

  /** For a look-up that shows more than what is known here: what it answers keeps a value, unless something has changed since. */
  watch(): (key: string, value: V) => void {
    const before = this.#changes
    return (key, value) => {
      if (before === this.#changes) this.#recent?.set(key, value)
    }
  }

  changed(key: string): void {
    this.#changes++
    this.#recent?.delete(key)
  }
}
