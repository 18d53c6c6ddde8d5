/**
 * Where the next batch is committed: on the main thread, which saves the way to the writer thread and back, or in the writer thread, which
 * leaves the main thread free while the disk works. Figures and reasons: docs/adr/0003-sqlite-writer.md.
 */
import { availableParallelism } from 'node:os'
import { performance, type EventLoopUtilization } from 'node:perf_hooks'

/** The main thread may stand still for this long. */
const patienceMillis = 0.5
/** Batches larger than this always go to the writer thread. */
const largestInline = 128
/** The same where no fsync is waited for, so that writing the rows is all there is to it: about `patienceMillis`. */
const largestInlineWithoutFsync = 32
/** The same while the log is written back to the file: then the disk has much to do, and now and then a commit waits for it. */
const largestInlineBesideWriteBack = 8
/** With more of its time spent on other work than this, the main thread is worth more than the way to the writer thread. */
const busyShare = 0.35
const windowMillis = 20

/** Where more than these shares of the main thread and of the processors are taken, there is no time to spare for commits of one write each. */
const crowdedMain = 0.2
const crowdedProcess = 0.85
/** From the beginning of one commit to the beginning of the next, there: with many writes that wait, and with few. */
const shortSpacing = 12
const longSpacing = 32
const many = 16

/** `measured` decides for each batch; the others always commit in one place. */
export type CommitChoice = 'measured' | 'main' | 'thread'

/** What the main thread does beside committing, shared by all files of the process. */
class MainThread {
  #since: EventLoopUtilization | undefined
  #start = 0
  #commits = 0
  #share = 0
  #cpu: NodeJS.CpuUsage | undefined
  #cpuShare = 0

  /** Share of time, 0 to 1, that the main thread spent on other work lately. */
  otherWork(): number {
    const now = performance.now()
    if (now - this.#start < windowMillis) return this.#share
    const since = this.#since
    this.#since = performance.eventLoopUtilization()
    if (since) this.#share = Math.max(0, performance.eventLoopUtilization(this.#since, since).active - this.#commits) / (now - this.#start)
    const cpu = process.cpuUsage()
    if (this.#cpu) this.#cpuShare = (cpu.user + cpu.system - this.#cpu.user - this.#cpu.system) / 1000 / (now - this.#start) / availableParallelism()
    this.#cpu = cpu
    this.#start = now
    this.#commits = 0
    return this.#share
  }

  /** Whether nearly all processor time goes to this process, and the main thread has its part in it. */
  crowded(): boolean {
    return this.otherWork() > crowdedMain && this.#cpuShare > crowdedProcess
  }

  committed(millis: number): void {
    this.#commits += millis
  }
}
const mainThread = new MainThread()

export class CommitPlace {
  /** When so many writes wait, `spacing` is to be asked again. */
  static readonly many = many

  /** Moving average of the time of a commit; a disk is taken for fast until it is measured. */
  #millis = 0
  #writesBack = false
  #logBegins = false
  readonly #fsync: boolean
  readonly #choice: CommitChoice
  readonly #otherWork: () => number
  readonly #crowded: () => boolean

  /** `otherWork` answers the share of time, 0 to 1, that the main thread spends on other things; `crowded`, whether the processors are taken. */
  constructor(options: { readonly fsync: boolean; readonly choice: CommitChoice; readonly otherWork?: () => number; readonly crowded?: () => boolean }) {
    this.#fsync = options.fsync
    this.#choice = options.choice
    this.#otherWork = options.otherWork ?? (() => mainThread.otherWork())
    this.#crowded = options.crowded ?? (() => mainThread.crowded())
  }

  /** Whether the next small batch would be committed on the main thread. */
  quiet(): boolean {
    return this.inline(1)
  }

  /** Milliseconds that lie at least between the beginnings of two commits, so that writes of a short while share one, when so many wait. */
  spacing(waiting: number): number {
    if (this.#choice !== 'measured' || !this.#fsync || !this.#crowded()) return 0
    return waiting < many ? longSpacing : shortSpacing
  }

  inline(writes: number): boolean {
    if (this.#choice !== 'measured') return this.#choice === 'main'
    if (this.#logBegins) return false
    if (!this.#fsync) return writes <= (this.#writesBack ? largestInlineBesideWriteBack : largestInlineWithoutFsync)
    return writes <= largestInline && this.#millis < patienceMillis && this.#otherWork() < busyShare
  }

  /** The log is written back to the file from now on, while commits go on. */
  writesBack(): void {
    this.#writesBack = true
  }

  /**
   * The log was written back. The next commit begins it anew and waits for the disk, where commits otherwise do not, too: SQLite makes the
   * header of a log durable before anything else (`syncHeader` in its wal.c).
   */
  wroteBack(): void {
    this.#writesBack = false
    this.#logBegins = true
  }

  /**
   * `millis` of one commit of some writes; what the writes themselves cost is taken off roughly (10 us each). A whole table (`Infinity`) says nothing
   * about the next commit, nor does the one that begins the log.
   */
  measured(millis: number, writes: number, inline: boolean): void {
    const lone = this.#logBegins
    this.#logBegins = false
    if (inline) mainThread.committed(millis)
    if (writes === Infinity || lone) return
    this.#millis += (Math.max(0, millis - (writes - 1) * 0.01) - this.#millis) * 0.1
  }
}
