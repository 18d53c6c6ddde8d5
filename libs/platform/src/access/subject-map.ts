/** What is known of subjects, tenant by tenant: whoever asks a thousand times within a tenant takes its map once and makes no joined keys. */
export class SubjectMap<V> {
  readonly #tenants = new Map<string, Map<string, V>>()
  #size = 0

  /** All tenants together keep at most so many; then the oldest tenth is forgotten, and read again when it is asked for. */
  constructor(private readonly capacity: number) {}

  get size(): number {
    return this.#size
  }

  of(tenant: string): ReadonlyMap<string, V> | undefined {
    return this.#tenants.get(tenant)
  }

  set(tenant: string, subject: string, value: V): void {
    if (this.#size >= this.capacity && !this.#tenants.get(tenant)?.has(subject)) this.#forgetSome()
    let known = this.#tenants.get(tenant)
    if (!known) this.#tenants.set(tenant, (known = new Map()))
    if (!known.has(subject)) this.#size++
    known.set(subject, value)
  }

  delete(tenant: string, subject: string): void {
    if (this.#tenants.get(tenant)?.delete(subject)) this.#size--
  }

  clear(): void {
    this.#tenants.clear()
    this.#size = 0
  }

  #forgetSome(): void {
    const keep = Math.floor(this.capacity * 0.9)
    for (const [tenant, known] of this.#tenants) {
      for (const subject of known.keys()) {
        if (this.#size <= keep) return
        known.delete(subject)
        this.#size--
      }
      this.#tenants.delete(tenant)
    }
  }
}
