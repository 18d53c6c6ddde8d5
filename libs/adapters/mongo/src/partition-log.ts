/**
 * Numbers the commits of one partition: an insert-only log of batches, each a list of commits with the sequence number of its first event.
 * The key of a batch is that number, and the next one begins behind its last event: of two rivals one inserts, the other reads what it
 * has inserted and goes on behind it. So there is no gap, no number twice, and nothing appears before what was there.
 */
import type { BatchInserter } from './batch-inserter.js'
import { predecessorOf, withoutEvents, type CommitDoc, type CommitRef } from './commit-doc.js'
import { nonce, type Collection } from './database.js'
import { isTransient, jitter, persist } from './retry.js'

export interface LogDoc {
  readonly _id: string
  readonly p: number
  /** Sequence number of the first event, and of the last. */
  readonly f: number
  readonly l: number
  /** Ids of the commits in order, and how many events each has. */
  readonly c: readonly string[]
  readonly k: readonly number[]
  /** The attempt that wrote it. */
  readonly a: string
  /** False: nobody waits for any of them, so whoever publishes them need not hurry. */
  readonly h?: false
}

interface Waiting {
  readonly commit: CommitRef
  /** The log up to the head is known not to have it, as of this generation. */
  generation: number | undefined
  /** The commit before it on its stream is in the log. */
  follows: boolean
  /** Somebody may be waiting for its events. */
  hurry: boolean
  /** It is to be numbered now; one that nobody waits for may stay a moment, for others to come. */
  due: boolean
  readonly numbered: { resolve(last: number): void; reject(error: unknown): void }[]
}

export interface PartitionLogOptions {
  readonly p: number
  readonly log: Collection<LogDoc>
  /** Writes to the log, for all partitions together. */
  readonly inserter: BatchInserter<LogDoc>
  readonly commits: Collection<CommitDoc>
  /** Called with a batch that this copy has written, before anybody hears of it. */
  readonly onWritten: (batch: LogDoc, commits: readonly CommitRef[]) => void
  /** Called with a batch of somebody else that was read. */
  readonly onRead: (batch: LogDoc) => void
  /** Called with what this copy has numbered. What others have numbered, they say. */
  readonly onNumbered: (commits: readonly { readonly _id: string; readonly q: number }[]) => void
  /** Called when a commit came that may stay a moment: `numberAll` is to be called then. */
  readonly onUnhurried: () => void
  /** Called when the log has grown: `own` by this copy; `hurry` unless nobody waits for any of it. */
  readonly onGrown: (head: number, how: { readonly own: boolean; readonly hurry: boolean }) => void
}

const mostCommits = 500
const mostBatches = 1_000
/** So many numbered commits are remembered. */
const memory = 5_000
const patienceMs = 15_000

export const batchId = (p: number, first: number): string => `${String(p).padStart(5, '0')}:${String(first).padStart(15, '0')}`
/** All batches of a partition, from one on. */
export const batchesFrom = (p: number, first: number) => ({ _id: { $gte: batchId(p, first), $lt: `${String(p).padStart(5, '0')};` } })

/** Each commit of a batch with the sequence number of its last event. */
export const lastsOf = ({ f, c, k }: LogDoc): { _id: string; q: number }[] => {
  let next = f
  return c.map((_id, i) => ({ _id, q: (next += k[i] as number) - 1 }))
}

export class PartitionLog {
  readonly #options: PartitionLogOptions
  readonly #waiting = new Map<string, Waiting>()
  readonly #numbered = new Map<string, number>()
  /** Last sequence number that is known. */
  #head: number | undefined
  /** Rises when a batch of somebody else was read: a commit on its way here may have been in it. */
  #generation = 0
  #running: Promise<void> | undefined
  /** Reading ahead and numbering take turns. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: PartitionLogOptions) {
    this.#options = options
  }

  get head(): number | undefined {
    return this.#head
  }

  /** To be noted before a commit is inserted: while it stays the same, nobody else can have numbered that commit. */
  get generation(): number | undefined {
    return this.#head === undefined ? undefined : this.#generation
  }

  isWaiting(id: string): boolean {
    return this.#waiting.has(id)
  }

  /** The sequence number of the last event of a stored commit, once it is in the log. */
  number(
    commit: CommitRef,
    { generation, follows = false, hurry = true }: { generation?: number | undefined; follows?: boolean; hurry?: boolean } = {},
  ): Promise<number> {
    const known = this.#numbered.get(commit._id)
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(commit._id)
      if (waiting) {
        waiting.numbered.push({ resolve, reject })
        waiting.due ||= hurry
      } else this.#waiting.set(commit._id, { commit, generation, follows: follows || commit.f < 0, hurry, due: hurry, numbered: [{ resolve, reject }] })
      if (hurry) this.#start()
      else this.#options.onUnhurried()
    })
  }

  /** Numbers what waits, also what nobody waits for. Resolves when that is done or given up. */
  numberAll(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve()
    for (const waiting of this.#waiting.values()) waiting.due = true
    return this.#start()
  }

  /** Reads what others have added. */
  follow(): Promise<void> {
    return this.#exclusive(() => this.#follow())
  }

  #start(): Promise<void> {
    return (this.#running ??= this.#run())
  }

  /** All that wait go along, as long as one of them is due. */
  async #run(): Promise<void> {
    // Those who come in the same turn of the event loop are numbered together.
    await Promise.resolve()
    let failing: number | undefined
    for (let attempt = 1; this.#isDue();) {
      try {
        // Where another copy was faster the log has grown, so whoever lost is not held back for long: longer waits only make a longer queue.
        if (!(await this.#exclusive(() => this.#round()))) await jitter(1)
        attempt = 1
        failing = undefined
      } catch (error) {
        failing ??= performance.now()
        if (!isTransient(error) || performance.now() - failing > patienceMs) this.#giveUp(error)
        else await jitter(attempt++)
      }
    }
    this.#running = undefined
    if (this.#waiting.size > 0) this.#options.onUnhurried()
  }

  #isDue(): boolean {
    for (const { due } of this.#waiting.values()) if (due) return true
    return false
  }

  #giveUp(error: unknown): void {
    const all = [...this.#waiting.values()]
    this.#waiting.clear()
    this.#head = undefined
    for (const { numbered } of all) for (const { reject } of numbered) reject(error)
  }

  /** Numbers what can be numbered now; false when somebody else was faster. */
  async #round(): Promise<boolean> {
    if (this.#head === undefined) await this.#follow()
    await this.#dropNumbered()
    await this.#bringPredecessors()
    const batch = this.#next()
    if (batch.length === 0) return this.#waiting.size === 0
    const { p, onGrown } = this.#options
    const first = (this.#head as number) + 1
    const k = batch.map(({ commit }) => commit.n - commit.b)
    const last = first + k.reduce((sum, count) => sum + count, 0) - 1
    const hurry = batch.some((one) => one.hurry)
    const ids = batch.map(({ commit }) => commit._id)
    const doc: LogDoc = { _id: batchId(p, first), p, f: first, l: last, c: ids, k, a: nonce(), ...(hurry ? {} : { h: false }) }
    if (await this.#options.inserter.insert(doc)) {
      await this.#follow()
      return false
    }
    this.#head = last
    this.#options.onWritten(
      doc,
      batch.map(({ commit }) => commit),
    )
    const numbered = lastsOf(doc)
    this.#settle(numbered)
    this.#options.onNumbered(numbered)
    onGrown(last, { own: true, hurry })
    return true
  }

  /** Whatever waits and may be in the log already is looked up there. */
  async #dropNumbered(): Promise<void> {
    const unsure = [...this.#waiting.values()].filter(({ generation }) => generation !== this.#generation)
    if (unsure.length === 0) return
    this.#settle(await this.#lookUp(unsure.map(({ commit }) => commit._id)))
    for (const waiting of unsure) waiting.generation = this.#generation
  }

  /** A commit comes behind the one before it on its stream: what is missing there is numbered first, whoever wrote it. */
  async #bringPredecessors(): Promise<void> {
    const open = new Map<string, Waiting>()
    for (const waiting of this.#waiting.values()) {
      if (waiting.follows) continue
      const before = predecessorOf(waiting.commit) as string
      if (this.#numbered.has(before)) waiting.follows = true
      else if (!this.#waiting.has(before)) open.set(before, waiting)
    }
    if (open.size === 0) return
    for (const { _id } of await this.#lookUp([...open.keys()])) {
      const waiting = open.get(_id)
      if (waiting) waiting.follows = true
      open.delete(_id)
    }
    if (open.size === 0) return
    const missing = await this.#options.commits.find({ _id: { $in: [...open.keys()] } }, { projection: withoutEvents }).toArray()
    for (const commit of missing as unknown as CommitRef[])
      this.#waiting.set(commit._id, { commit, generation: this.#generation, follows: commit.f < 0, hurry: true, due: true, numbered: [] })
    // Their own predecessors come in the same way.
    if (missing.length > 0) await this.#bringPredecessors()
  }

  /** What can be numbered now, in an order that keeps that of each stream: a predecessor has a lower version. */
  #next(): Waiting[] {
    const sorted = [...this.#waiting.values()].toSorted((a, b) => a.commit.b - b.commit.b)
    const batch: Waiting[] = []
    const inside = new Set<string>()
    for (const waiting of sorted) {
      if (batch.length === mostCommits) break
      if (waiting.generation !== this.#generation || !(waiting.follows || inside.has(predecessorOf(waiting.commit) as string))) continue
      batch.push(waiting)
      inside.add(waiting.commit._id)
    }
    return batch
  }

  async #lookUp(ids: readonly string[]): Promise<{ _id: string; q: number }[]> {
    const wanted = new Set(ids)
    const batches = await persist(() => this.#options.log.find({ c: { $in: [...wanted] } }).toArray())
    return batches.flatMap(lastsOf).filter(({ _id }) => wanted.has(_id))
  }

  async #follow(): Promise<void> {
    const { p, log, onGrown } = this.#options
    if (this.#head === undefined) {
      const [last] = await persist(() => log.find(batchesFrom(p, 0)).sort({ _id: -1 }).limit(1).toArray())
      this.#head = last?.l ?? 0
      this.#generation++
      onGrown(this.#head, { own: false, hurry: true })
      return
    }
    const batches = await persist(() =>
      log
        .find(batchesFrom(p, (this.#head as number) + 1))
        .sort({ _id: 1 })
        .limit(mostBatches)
        .toArray(),
    )
    if (batches.length === 0) return
    const sure = [...this.#waiting.values()].filter(({ generation }) => generation === this.#generation)
    this.#generation++
    for (const batch of batches) {
      if (batch.f !== this.#head + 1) throw new Error(`partition ${p} of the log has a gap before ${batch.f}`)
      this.#head = batch.l
      this.#options.onRead(batch)
      this.#settle(lastsOf(batch))
    }
    // What waited already was compared with every batch.
    for (const waiting of sure) waiting.generation = this.#generation
    onGrown(this.#head, { own: false, hurry: batches.some(({ h }) => h !== false) })
    if (batches.length === mostBatches) await this.#follow()
  }

  #settle(found: readonly { readonly _id: string; readonly q: number }[]): void {
    for (const { _id, q } of found) {
      this.#numbered.set(_id, q)
      const waiting = this.#waiting.get(_id)
      this.#waiting.delete(_id)
      for (const { resolve } of waiting?.numbered ?? []) resolve(q)
    }
    for (const id of this.#numbered.keys()) {
      if (this.#numbered.size <= memory) break
      this.#numbered.delete(id)
    }
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(work)
    this.#turn = run.catch(() => undefined)
    return run
  }
}
