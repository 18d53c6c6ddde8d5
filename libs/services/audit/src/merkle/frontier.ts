/** The right edge of a growing tree: enough to append and to tell the root, without the entries. At most one hash for each bit of the size. */
import { emptyRoot, nodeHash } from './merkle-hash.js'

export class Frontier {
  /** Root of the complete subtree of 2^level entries on the right edge, where the size has that bit. */
  readonly #levels: (Buffer | undefined)[]
  #size: number

  constructor(size = 0, levels: readonly (Buffer | undefined)[] = []) {
    this.#size = size
    this.#levels = [...levels]
  }

  get size(): number {
    return this.#size
  }

  append(leaf: Buffer): void {
    let hash = leaf
    let level = 0
    for (let left = this.#levels[level]; left; left = this.#levels[++level]) {
      hash = nodeHash(left, hash)
      this.#levels[level] = undefined
    }
    this.#levels[level] = hash
    this.#size++
  }

  root(): Buffer {
    let root: Buffer | undefined
    for (const hash of this.#levels) if (hash) root = root ? nodeHash(hash, root) : hash
    return root ?? emptyRoot()
  }

  /** For storage: base64 by level, empty where there is none. */
  toJSON(): string[] {
    return Array.from(this.#levels, (hash) => hash?.toString('base64') ?? '')
  }

  static from(size: number, levels: readonly string[]): Frontier {
    return new Frontier(
      size,
      levels.map((text) => (text ? Buffer.from(text, 'base64') : undefined)),
    )
  }
}
