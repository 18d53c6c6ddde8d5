/** The newest records of a partition, for all groups of a process that want them: without gaps, for a while, and not too many. */
import type { KafkaMessage } from 'kafkajs'

/**
 * Records are kept so many milliseconds, up to so many of a partition and so many bytes: long enough for the partitions of a copy that died to be somebody else's.
 * Who needs older ones asks the broker itself, which on a busy machine is slower than the news that come meanwhile.
 */
export const keptFor = 30_000
const mostRecords = 500
const mostBytes = 256 * 1024
/** Bytes of all partitions of a process: 128 of them have their full share. With the events that are made of them they take three times as much memory. */
const mostBytesInAll = 32 * 1024 * 1024

interface Chunk {
  readonly records: readonly KafkaMessage[]
  readonly bytes: number
  readonly at: number
}

export class PartitionWindow {
  node: number | undefined
  /** Offsets of the first record that is kept, and after the last one. */
  base = 0
  end = 0
  /** The broker has been asked for what comes next. */
  live = false
  #chunks: Chunk[] = []

  constructor(
    readonly topic: string,
    readonly partition: number,
    /** When somebody last wanted it, in milliseconds by the monotonic clock, as all times here. */
    public asked: number,
  ) {}

  has(offset: number): boolean {
    return this.live && offset >= this.base && offset <= this.end
  }

  /** Adds what came from the broker. The newest stays for its time, however large it is. */
  add(records: readonly KafkaMessage[], { now, windows }: { readonly now: number; readonly windows: number }): void {
    this.#chunks.push({ records, bytes: records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0), at: now })
    this.end = Number(records.at(-1)?.offset) + 1
    const most = Math.min(mostBytes, mostBytesInAll / windows)
    let count = 0
    let bytes = 0
    const last = this.#chunks.findLastIndex((chunk, i) => {
      count += chunk.records.length
      bytes += chunk.bytes
      return i < this.#chunks.length - 1 && (count > mostRecords || bytes > most)
    })
    this.#drop(last + 1)
    this.forget(now)
  }

  /** Drops what has been kept for long enough. Asked with each fetch: mostly the oldest says that nothing has. */
  forget(now: number): void {
    const fresh = this.#chunks.findIndex(({ at }) => now - at <= keptFor)
    this.#drop(fresh < 0 ? this.#chunks.length : fresh)
  }

  #drop(count: number): void {
    if (count === 0) return
    this.#chunks = this.#chunks.slice(count)
    this.base = Number(this.#chunks[0]?.records[0]?.offset ?? this.end)
  }

  from(offset: number): readonly KafkaMessage[] {
    if (offset >= this.end) return []
    // From the newest back: mostly the last chunk is all that is wanted.
    const at = this.#chunks.findLastIndex(({ records }) => Number(records[0]?.offset) < offset)
    const begun = this.#chunks[at]?.records ?? []
    const rest = begun.slice(begun.findLastIndex((record) => Number(record.offset) < offset) + 1)
    return rest.concat(...this.#chunks.slice(at + 1).map(({ records }) => records))
  }

  /** When the first record from an offset on came; infinity where none has. */
  waitsSince(offset: number): number {
    return offset < this.end ? (this.#chunks.find(({ records }) => Number(records.at(-1)?.offset) >= offset)?.at ?? Infinity) : Infinity
  }
}
