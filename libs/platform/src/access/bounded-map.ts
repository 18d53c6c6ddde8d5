/** A map that forgets its oldest tenth when it is full: what is forgotten is read again. */
export class BoundedMap<V> {
  readonly #entries = new Map<string, V>()

  constructor(private readonly capacity: number) {}

  get(key: string): V | undefined {
    return this.#entries.get(key)
  }

  set(key: string, value: V): void {
    if (this.#entries.size >= this.capacity && !this.#entries.has(key)) this.#forgetSome()
    this.#entries.set(key, value)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }

  get size(): number {
    return this.#entries.size
  }

  #forgetSome(): void {
    const keep = Math.floor(this.capacity * 0.9)
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= keep) return
      this.#entries.delete(key)
    }
  }
}
