/**
 * The newest batches of one partition's log without gaps, with the commits that this copy has written itself: a relay that keeps up with the
 * writers reads neither again. Batches and commits never change once they are stored, so it makes no difference where they were read.
 */
import type { CommitDoc, CommitRef } from './commit-doc.js'
import type { LogDoc } from './partition-log.js'

export interface TailBatch {
  readonly batch: LogDoc
  /** In the order of the batch; a commit that somebody else wrote is missing. */
  readonly commits: readonly (CommitDoc | undefined)[]
}

const mostEvents = 1_000
const mostCharacters = 512 * 1024

const isWhole = (commit: CommitRef): commit is CommitDoc => 'e' in commit
const sizeOf = ({ commits }: TailBatch): number => commits.reduce((sum, commit) => sum + (commit?.e.length ?? 0), 0)

export class LogTail {
  #batches: TailBatch[] = []
  #characters = 0

  /** A batch that is stored, in the order of the log. */
  add(batch: LogDoc, commits: readonly CommitRef[] = []): void {
    if (this.#batches.at(-1)?.batch.l !== batch.f - 1) this.clear()
    const one = { batch, commits: batch.c.map((_, i) => (commits[i] && isWhole(commits[i]) ? commits[i] : undefined)) }
    this.#batches.push(one)
    this.#characters += sizeOf(one)
    // Half is forgotten at once: that is cheaper than one batch for each that comes.
    const first = this.#batches[0] as TailBatch
    if (batch.l - first.batch.f >= mostEvents || this.#characters > mostCharacters) {
      this.#batches = this.#batches.slice(Math.ceil(this.#batches.length / 2))
      this.#characters = this.#batches.reduce((sum, each) => sum + sizeOf(each), 0)
    }
  }

  clear(): void {
    this.#batches = []
    this.#characters = 0
  }

  /** The batches that have something behind a sequence number, up to the end of what is known; undefined when some may be in the database only. */
  after(seq: number): readonly TailBatch[] | undefined {
    const first = this.#batches[0]
    if (!first || first.batch.f > seq + 1) return undefined
    // Nearly always the last few are asked for.
    let from = this.#batches.length
    while (from > 0 && (this.#batches[from - 1] as TailBatch).batch.l > seq) from--
    return this.#batches.slice(from)
  }
}
