/**
 * Documents as this process has just written, or read, them. A change that begins with them instead of a look is sure where it writes them, because each write is
 * conditional on what was read; everything else that depends on them is looked at anew.
 */
import type { RowDoc } from './row-shape.js'

const most = 5_000

export class RecentDocs {
  readonly #docs = new Map<string, { readonly doc: RowDoc; readonly at: number }>()
  #trimming = false

  /** Milliseconds: later somebody else may have been there, and a vain attempt costs more than a look. */
  constructor(private readonly keptFor = 2_000) {}

  get(collection: string, id: string): RowDoc | undefined {
    const known = this.#docs.get(`${collection}/${id}`)
    return known && performance.now() - known.at < this.keptFor ? known.doc : undefined
  }

  remember(collection: string, doc: RowDoc): void {
    const place = `${collection}/${doc._id}`
    // The map is in the order of time.
    this.#docs.delete(place)
    this.#docs.set(place, { doc, at: performance.now() })
    this.#trim()
  }

  /** As somebody has read it; what was written meanwhile is newer. */
  read(collection: string, doc: RowDoc): void {
    if (!this.get(collection, doc._id)) this.remember(collection, doc)
  }

  forget(collection: string, id: string): void {
    this.#docs.delete(`${collection}/${id}`)
  }

  #trim(): void {
    const oldest = performance.now() - this.keptFor
    for (const [place, { at }] of this.#docs) {
      if (at > oldest && this.#docs.size <= most) break
      this.#docs.delete(place)
    }
    if (this.#docs.size === 0 || this.#trimming) return
    // What is gone from the database is gone from here, too, also when nothing is written any more.
    this.#trimming = true
    setTimeout(() => {
      this.#trimming = false
      this.#trim()
    }, this.keptFor).unref()
  }
}
