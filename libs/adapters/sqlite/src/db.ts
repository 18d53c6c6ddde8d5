/** One SQLite file: reads on the main thread, writes by group commit. */
import { StorageUnavailable } from '@pavan/platform/service/storage-unavailable.js'
import { commit, type Answer, type Write } from './commit.js'
import { CommitPlace, type CommitChoice } from './commit-place.js'
import { Connection, inMemory, type Durability } from './connection.js'
import type { WriterThread } from './writer-thread.js'

export interface DbOptions {
  /** Path of the file, or `:memory:`. */
  readonly path: string
  readonly durability: Durability
  /** Shared by all files of the process. */
  readonly writer: WriterThread
  /** `measured` by default. */
  readonly commitOn?: CommitChoice
}

interface Pending {
  readonly write: Write
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
  /** Rows that it changes, roughly. */
  readonly weight: number
}

/** Taken at load, so that tests with fake timers still commit. */
const afterTurn = setImmediate
const afterTick = process.nextTick
const afterMillis = setTimeout
/** Commits in a row that may happen without letting the event loop turn: a writer in a tight loop must not starve the rest. */
const ticksInARow = 8
const largestBatch = 5_000
/** Commits after which the log is written back to the file. */
const checkpointEvery = 500

export class Db {
  /** For reads, and for writes that are committed on this thread: one connection, so that its cache stays warm. */
  readonly reader: Connection
  readonly #options: DbOptions
  readonly #place: CommitPlace
  #pending: Pending[] = []
  #scheduled = false
  /** Beginning of the last commit. */
  #began = -Infinity
  /** What the writer thread is doing for this file. Nothing else is written meanwhile. */
  #working: Promise<unknown> | undefined
  #sinceCheckpoint = 0
  #closed = false

  constructor(options: DbOptions) {
    this.#options = options
    this.#place = new CommitPlace({ fsync: options.durability === 'full', choice: options.path === inMemory ? 'main' : (options.commitOn ?? 'measured') })
    this.reader = new Connection(options.path, options.durability)
  }

  get path(): string {
    return this.#options.path
  }

  /** Resolves with the program's answer when the transaction is committed: all writes of one turn of the event loop share one. */
  write<T>(write: Write, weight = 1): Promise<T> {
    if (this.#closed) return Promise.reject(new StorageUnavailable('the file is closed'))
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ write, resolve: resolve as Pending['resolve'], reject, weight })
      if (this.#pending.length === CommitPlace.many && this.#later) this.#sooner()
      this.#schedule()
    })
  }

  /** Runs on this thread at once; for the schema, before the file is used. */
  prepare(...writes: Write[]): void {
    for (const answer of commit(this.reader, writes)) if ('failure' in answer) throw errorOf(answer)
  }

  /** Moves everything from the log into the file and empties the log. */
  truncateLog(): Promise<void> {
    return this.#housekeep('wal_checkpoint(TRUNCATE)')
  }

  /** Rewrites the file without the room that deleted rows left. */
  async vacuum(): Promise<void> {
    await this.#housekeep('vacuum')
    await this.truncateLog()
  }

  /** Waits for what is under way, then closes. */
  async close(): Promise<void> {
    if (this.#closed) return
    while (this.#working || this.#pending.length > 0) await (this.#working ?? new Promise<void>((resolve) => afterTurn(() => resolve())))
    this.#closed = true
    if (this.#usesThread) await this.#options.writer.run({ file: this.#file(), close: true }).catch(() => undefined)
    this.reader.close()
  }

  #usesThread = false
  #ticks = 0
  /** A commit that was put off. */
  #later: NodeJS.Timeout | undefined
  readonly #flushNow = (): void => {
    this.#scheduled = false
    this.#later = undefined
    this.#flush()
  }

  /**
   * On a quiet process right after the running callback and its promises, which saves a turn of the event loop; on a busy one at the end of
   * the turn, so that the requests of a turn share a commit; and on one that has no time to spare, a few milliseconds after the last one.
   */
  #schedule(): void {
    if (this.#scheduled || this.#working) return
    this.#scheduled = true
    const wait = this.#began + this.#place.spacing(this.#pending.length) - performance.now()
    if (wait > 0) {
      this.#later = afterMillis(this.#flushNow, wait)
      return
    }
    const tick = this.#ticks < ticksInARow && this.#place.quiet()
    this.#ticks = tick ? this.#ticks + 1 : 0
    if (tick) afterTick(this.#flushNow)
    else afterTurn(this.#flushNow)
  }

  #sooner(): void {
    clearTimeout(this.#later)
    this.#later = undefined
    this.#scheduled = false
  }

  #flush(): void {
    if (this.#working || this.#pending.length === 0) return
    this.#began = performance.now()
    const batch = this.#take()
    const writes = batch.map((pending) => pending.write)
    let weight = 0
    for (const pending of batch) weight += pending.weight
    if (this.#place.inline(weight) || !this.#threadIsUp()) {
      const start = performance.now()
      const answers = commit(this.reader, writes)
      this.#place.measured(performance.now() - start, weight, true)
      this.#settle(batch, answers)
      return
    }
    this.#inThread(
      this.#options.writer.run({ file: this.#file(), writes }).then(
        ({ answers, millis }) => {
          this.#place.measured(millis, weight, false)
          this.#settle(batch, answers)
        },
        (error: Error) => {
          for (const { reject } of batch) reject(new StorageUnavailable(error.message))
        },
      ),
    )
  }

  #take(): Pending[] {
    if (this.#pending.length <= largestBatch) {
      const batch = this.#pending
      this.#pending = []
      return batch
    }
    return this.#pending.splice(0, largestBatch)
  }

  #settle(batch: readonly Pending[], answers: readonly Answer[]): void {
    for (let i = 0; i < batch.length; i++) {
      const { resolve, reject } = batch[i] as Pending
      const answer = answers[i] as Answer
      if ('failure' in answer) reject(errorOf(answer))
      else resolve(answer.value as never)
    }
    // By what was written, not by how often: a rebuild writes thousands of pages with each commit.
    this.#sinceCheckpoint += 1 + batch.reduce((sum, { weight }) => sum + weight, 0) / 16
    if (this.#sinceCheckpoint >= checkpointEvery && this.#options.path !== inMemory) this.#checkpoint()
    if (this.#pending.length > 0) this.#schedule()
  }

  /**
   * Writes the log back in two steps: the bulk while commits go on, then the rest while they wait, so that the log starts over and never grows
   * without end under load. Both in the writer thread: the main thread never waits for these fsyncs.
   */
  #checkpoint(): void {
    this.#sinceCheckpoint = 0
    const run = () => this.#options.writer.run({ file: this.#file(), pragma: 'wal_checkpoint(PASSIVE)' })
    this.#place.writesBack()
    run().then(
      () => this.#exclusively(run),
      () => this.#place.wroteBack(),
    )
  }

  async #housekeep(pragma: 'wal_checkpoint(TRUNCATE)' | 'vacuum'): Promise<void> {
    if (this.#options.path === inMemory) {
      if (pragma === 'vacuum') this.reader.raw.exec('VACUUM')
      return
    }
    for (let attempt = 1; attempt <= 10; attempt++) {
      const done = await this.#exclusively(() => this.#options.writer.run({ file: this.#file(), pragma }))
      const answer = done?.answers[0]
      if (answer && 'failure' in answer) throw errorOf(answer)
      if (answer?.value === true) return
    }
    throw new StorageUnavailable('the log cannot be emptied: something else reads the file')
  }

  /** Holds the commits of this file back while the writer thread does something. */
  async #exclusively<T>(task: () => Promise<T>): Promise<T | undefined> {
    while (this.#working) await this.#working
    if (this.#closed) return undefined
    const result = task()
    this.#inThread(result.catch(() => undefined).then(() => this.#place.wroteBack()))
    return result
  }

  /** A thread that is still starting is not waited for, unless everything is to be committed there. */
  #threadIsUp(): boolean {
    return this.#options.commitOn === 'thread' || this.#options.writer.warm()
  }

  #inThread(task: Promise<unknown>): void {
    const working = task.finally(() => {
      if (this.#working === working) this.#working = undefined
      if (this.#pending.length > 0) this.#schedule()
    })
    this.#working = working
  }

  #file(): { path: string; durability: Durability } {
    this.#usesThread = true
    return { path: this.#options.path, durability: this.#options.durability }
  }
}

const errorOf = (answer: Answer & { failure: { kind: string; message: string } }): Error =>
  answer.failure.kind === 'disk' ? new StorageUnavailable(answer.failure.message) : new Error(answer.failure.message)
