/**
 * What this process knows of streams that it has read: how far they were. Stored commits never change, so what was there is there; whether
 * it is still the end is decided by the insert. It saves a decision the look at what it has just loaded.
 */
import type { CommitDoc } from './commit-doc.js'

export interface KnownStream {
  readonly version: number
  /** `b` of the last commit; -1 without one. */
  readonly last: number
  /** Every commit is known to be in the log. */
  readonly numbered: boolean
  /** Commands of all commits. */
  readonly commands: ReadonlySet<string>
}

const mostStreams = 10_000
/** Longer streams are looked at. */
const mostCommits = 200

export class StreamMemory {
  readonly #streams = new Map<string, KnownStream>()

  get(key: string): KnownStream | undefined {
    return this.#streams.get(key)
  }

  /** All commits of a stream, in order; their positions are known. */
  read(key: string, docs: readonly CommitDoc[]): void {
    const last = docs.at(-1)
    if (!last || docs.length > mostCommits) this.#streams.delete(key)
    else this.#note(key, { version: last.n, last: last.b, numbered: true, commands: new Set(docs.flatMap(({ c }) => (c === undefined ? [] : [c]))) })
  }

  /** A commit was stored behind what was known, and `numbered` unless that is still to be done. */
  appended(key: string, before: KnownStream | undefined, { b, n, c }: CommitDoc, numbered: boolean): void {
    const commands = before && this.#streams.get(key) === before ? before.commands : b === 0 ? new Set<string>() : undefined
    if (!commands || commands.size >= mostCommits) this.#streams.delete(key)
    else this.#note(key, { version: n, last: b, numbered, commands: c === undefined ? commands : new Set([...commands, c]) })
  }

  #note(key: string, known: KnownStream): void {
    this.#streams.delete(key)
    this.#streams.set(key, known)
    for (const oldest of this.#streams.keys()) {
      if (this.#streams.size <= mostStreams) break
      this.#streams.delete(oldest)
    }
  }
}
