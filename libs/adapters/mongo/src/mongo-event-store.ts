/** Event store of one service in its database: commits, claims, and a log of each partition that says in which order they are published. */
import type { Position, StreamId } from '@pavan/kernel'
import { EventStore, VersionConflict, type AppendOptions, type AppendResult, type NewEvent, type StoredEvent } from '@pavan/platform/events/event-store.js'
import { watchSequencer, type SequencerMetrics } from '@pavan/platform/telemetry/sequencer-metrics.js'
import { BatchInserter } from './batch-inserter.js'
import { Claims, type ClaimDoc, type Reserved } from './claims.js'
import { commitId, commitsOf, eventsOf, streamOf, streamRef, withoutEvents, type CommitDoc, type CommitRef, type StreamRef } from './commit-doc.js'
import { durable, nonce, prepare, type Collection, type Db } from './database.js'
import { Leases } from './leases.js'
import { orderedText } from './ordered-text.js'
import { LogReader } from './log-reader.js'
import { PartitionLog, type LogDoc } from './partition-log.js'
import { atMost, crossing, pause, persist } from './retry.js'
import { StreamMemory } from './stream-memory.js'

export interface MongoEventStoreOptions {
  readonly db: Db
  /** Name of the service: the context of every event. */
  readonly context: string
  readonly claimKey: Uint8Array
  readonly partitions: number
  /** Names this copy of the service; no two have the same. */
  readonly copy: string
  /** How long somebody else's undecided reservation is waited for; 2 s by default, less in proofs. */
  readonly claimPatienceMs?: number
  /** Told when this copy gets a partition that nobody else holds. */
  readonly onTaken?: () => void
  /** Time between two beats of a lease; 1 s by default, less in proofs. */
  readonly beatMs?: number
}

const orphansEveryMillis = 1_000
const sweepEveryMillis = 60_000
const markEveryMillis = 25
/** So long a commit that nobody waits for may stay without a number, so that those of all partitions are numbered by one command. */
const unhurriedMillis = 250

export class MongoEventStore extends EventStore {
  readonly #options: MongoEventStoreOptions
  readonly #commits: Collection<CommitDoc>
  readonly #log: Collection<LogDoc>
  readonly #claims: Claims
  readonly #inserter: BatchInserter<CommitDoc>
  readonly #memory = new StreamMemory()
  readonly #partitions: readonly PartitionLog[]
  readonly #reader: LogReader
  readonly #leases: Leases
  readonly #metrics: SequencerMetrics
  readonly #listeners = new Set<(hurry: boolean) => void>()
  readonly #timers: readonly NodeJS.Timeout[]
  /** Commits in the log whose own documents do not say so yet. */
  readonly #unmarked = new Map<string, number>()
  #marking: Promise<void> | undefined
  #unhurried: NodeJS.Timeout | undefined
  /** Commits without a number in the last look. */
  #orphans = new Set<string>()
  #look = 0
  #waking = false
  #hurry = false
  #closed = false

  private constructor(options: MongoEventStoreOptions) {
    super()
    this.#options = options
    const { db, partitions } = options
    this.#commits = db.collection<CommitDoc>('commits')
    this.#log = db.collection<LogDoc>('log')
    this.#claims = new Claims(db.collection<ClaimDoc>('claims'), this.#commits, options.claimKey, options.claimPatienceMs)
    this.#inserter = new BatchInserter(db, this.#commits, { sizeOf: ({ e }) => e.length, projection: withoutEvents })
    const inserter = new BatchInserter(db, this.#log)
    this.#reader = new LogReader(this.#log, this.#commits, options.context)
    this.#partitions = Array.from(
      { length: partitions },
      (_, p) =>
        new PartitionLog({
          p,
          log: this.#log,
          inserter,
          commits: this.#commits,
          onWritten: (batch, commits) => this.#remember(p, batch, commits),
          onRead: (batch) => this.#remember(p, batch),
          onNumbered: (commits) => this.#mark(commits),
          onUnhurried: () => (this.#unhurried ??= setTimeout(() => void this.#numberAll(), unhurriedMillis)),
          onGrown: (head, { own, hurry }) => {
            if (own) this.#leases.tell(p, head)
            if (this.#leases.holds(p)) this.#wake(hurry)
          },
        }),
    )
    const follow = (p: number): Promise<void> =>
      this.#partition(p)
        .follow()
        .catch(() => undefined)
    this.#leases = new Leases({
      ...options,
      onTaken: (p) => {
        this.#metrics.taken()
        options.onTaken?.()
        // Its former holder may have left something unpublished, also where the log has not grown.
        void follow(p).then(() => this.#wake())
      },
      onHint: (p, head) => {
        if (head > (this.#partition(p).head ?? 0)) void follow(p)
      },
    })
    this.#metrics = watchSequencer({ service: options.context, partitions, held: () => this.#leases.held().length })
    this.#timers = [
      setInterval(() => void this.#adopt().catch(() => undefined), orphansEveryMillis).unref(),
      setInterval(() => void this.#claims.sweep().catch(() => undefined), sweepEveryMillis).unref(),
    ]
  }

  static async open(options: MongoEventStoreOptions): Promise<MongoEventStore> {
    const { db } = options
    await Promise.all([
      persist(() => prepare(db, 'commits', [{ key: { u: 1 }, name: 'u', sparse: true }])),
      persist(() => prepare(db, 'log', [{ key: { c: 1 }, name: 'c' }])),
      persist(() =>
        prepare(db, 'claims', [
          { key: { s: 1 }, name: 's' },
          { key: { o: 1 }, name: 'o', sparse: true },
        ]),
      ),
    ])
    const store = new MongoEventStore(options)
    await store.#leases.open()
    await Promise.all(store.#leases.held().map((p) => store.#partition(p).follow()))
    return store
  }

  append(stream: StreamId, events: readonly NewEvent[], options: AppendOptions): Promise<AppendResult> {
    return crossing(async () => {
      if (events.length < 1 || events.length > 1_000) throw new RangeError(`a commit has 1 to 1,000 events, not ${events.length}`)
      const ref = streamRef(stream, this.#options.partitions)
      const json = JSON.stringify(events)
      const wanted = options.claims?.length ? this.#claims.wanted(stream.tenant, options.claims) : undefined
      if (!wanted) return this.#append(ref, json, events.length, options)
      return this.#claims.exclusive(wanted, () => this.#append(ref, json, events.length, options, wanted))
    })
  }

  async #append(ref: StreamRef, e: string, count: number, options: AppendOptions, wanted?: ReturnType<Claims['wanted']>): Promise<AppendResult> {
    const command = options.commandId === undefined ? undefined : orderedText(options.commandId)
    for (let again = false; ; again = true) {
      // A new stream without claims needs no look before the leap: if it is not new, its first place is taken.
      let known = this.#memory.get(ref.key)
      if (
        again ||
        (known ? known.version !== options.expected : options.expected > 0 || wanted !== undefined) ||
        (command !== undefined && known?.commands.has(command))
      ) {
        const now = await this.#present(ref, command)
        if (now.seen) return this.#repeated(now.seen)
        if (now.version !== options.expected) throw new VersionConflict(options.expected, now.version)
        known = now
      }
      const b = options.expected
      const doc: CommitDoc = {
        _id: commitId(ref.key, b),
        s: ref.name,
        b,
        n: b + count,
        f: known?.last ?? -1,
        p: ref.p,
        e,
        a: nonce(),
        ...(command === undefined ? {} : { c: command }),
        u: ref.p,
      }
      const generation = this.#partition(ref.p).generation
      const reserved = wanted && (await this.#claims.reserve(ref, { i: doc._id, a: doc.a }, wanted))
      let other = await this.#inserter.insert(doc)
      // Somebody ended an attempt in this place: another one may have it, but this one has lost its reservations if it was meant.
      if (other?.x) other = await this.#takeOver(doc)
      if (other) {
        if (reserved) await this.#claims.undo(reserved)
        continue
      }
      const how = { generation, follows: known?.numbered ?? false }
      // Stored is enough for what nobody waits for. Should this process die before it has a number, another one gives it one.
      if (options.unhurried && !reserved) {
        this.#numberLater(doc, how)
        this.#memory.appended(ref.key, known, doc, false)
        return { version: doc.n, repeated: false }
      }
      const q = await this.#numbered(doc, reserved, how)
      this.#memory.appended(ref.key, known, doc, true)
      return { version: doc.n, position: { p: ref.p, seq: q }, repeated: false }
    }
  }

  #numberLater(doc: CommitDoc, how: { generation: number | undefined; follows: boolean }): void {
    if (this.#closed) return
    // Given up means: left to the look for orphans.
    this.#partition(doc.p)
      .number(doc, { ...how, hurry: false })
      .catch(() => undefined)
  }

  async #numberAll(): Promise<void> {
    clearTimeout(this.#unhurried)
    this.#unhurried = undefined
    await Promise.all(this.#partitions.map((partition) => partition.numberAll()))
  }

  async #numbered(doc: CommitDoc, reserved: Reserved | undefined, how: { generation: number | undefined; follows: boolean }): Promise<number> {
    const stored = performance.now()
    const numbered = this.#partition(doc.p).number(doc, how)
    const [q] = await Promise.all([numbered, reserved && this.#claims.confirm(reserved)])
    this.#metrics.numbered((performance.now() - stored) / 1000)
    return q
  }

  async #repeated(seen: CommitRef & { readonly q?: number }): Promise<AppendResult> {
    return { version: seen.n, position: { p: seen.p, seq: await this.#positionOf(seen) }, repeated: true }
  }

  /** Puts a commit where only a mark keeps the place; answers what is there when that failed. */
  async #takeOver(doc: CommitDoc): Promise<CommitDoc | undefined> {
    const { _id, ...fields } = doc
    return persist(async () => {
      await this.#commits.updateOne({ _id, x: true, d: { $ne: doc.a } }, { $set: fields, $unset: { x: '', d: '' } }, { writeConcern: durable })
      const stored = await this.#commits.findOne({ _id }, { projection: withoutEvents })
      return stored?.a === doc.a ? undefined : (stored as CommitDoc)
    })
  }

  /** Where a stream stands, and what a command has made of it. */
  async #present(ref: StreamRef, command?: string) {
    const [last] = await persist(() => this.#commits.find(commitsOf(ref.key), { projection: withoutEvents }).sort({ _id: -1 }).limit(1).toArray())
    // After the version: a command that comes later than that finds its place taken.
    const seen =
      last && command !== undefined ? await persist(() => this.#commits.findOne({ ...commitsOf(ref.key), c: command }, { projection: withoutEvents })) : null
    return { version: last?.n ?? 0, last: last?.b ?? -1, numbered: last === undefined || last.q !== undefined, commands: new Set<string>(), seen }
  }

  read(stream: StreamId, from = 1): Promise<readonly StoredEvent[]> {
    return crossing(async () => {
      const ref = streamRef(stream, this.#options.partitions)
      const filter = from > 1 ? { ...commitsOf(ref.key), n: { $gte: from } } : commitsOf(ref.key)
      const docs = await persist(() => this.#commits.find(filter).sort({ _id: 1 }).toArray())
      const lasts = await Promise.all(docs.map((doc) => this.#positionOf(doc)))
      const events = docs.flatMap((doc, i) => eventsOf(doc, lasts[i] as number, this.#options.context))
      if (from > 1) return events.filter((event) => event.version >= from)
      this.#memory.read(ref.key, docs)
      return events
    })
  }

  /** From the commit itself, or by looking into the log and numbering what is not there. */
  async #positionOf(doc: CommitRef & { readonly q?: number }): Promise<number> {
    return doc.q ?? this.#partition(doc.p).number(doc)
  }

  readAll(after: Position, limit: number): Promise<readonly StoredEvent[]> {
    return crossing(() => this.#reader.read(after, limit))
  }

  /** Only who publishes a partition reads it from its end. */
  #remember(p: number, batch: LogDoc, commits?: readonly CommitRef[]): void {
    if (this.#leases.holds(p)) this.#reader.remember(p, batch, commits)
    else this.#reader.forget(p)
  }

  claimOwner(tenant: string, name: string, value: string): Promise<StreamId | undefined> {
    return crossing(async () => {
      const owner = await this.#claims.owner(this.#claims.hash(tenant, name, value))
      return owner === undefined ? undefined : streamOf(owner)
    })
  }

  owned(): readonly Position[] {
    return this.#leases.held().flatMap((p) => {
      const { head } = this.#partition(p)
      return head === undefined ? [] : [{ p, seq: head }]
    })
  }

  onAppend(wake: (hurry?: boolean) => void): () => void {
    const listener = (hurry: boolean) => wake(hurry)
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Once for everything that happens together. */
  #wake(hurry = true): void {
    this.#hurry ||= hurry
    if (this.#waking) return
    this.#waking = true
    queueMicrotask(() => {
      const hurried = this.#hurry
      this.#waking = this.#hurry = false
      for (const listener of this.#listeners) listener(hurried)
    })
  }

  #partition(p: number): PartitionLog {
    return this.#partitions[p] as PartitionLog
  }

  /** Writes the numbers into the commits, behind the back of those who wait. The log decides; this only saves looking into it. */
  #mark(commits: readonly { readonly _id: string; readonly q: number }[]): void {
    for (const { _id, q } of commits) this.#unmarked.set(_id, q)
    this.#marking ??= this.#markAll().finally(() => (this.#marking = undefined))
  }

  async #markAll(): Promise<void> {
    while (this.#unmarked.size > 0) {
      // Nobody waits for it: what comes within a moment is one command.
      await pause(markEveryMillis)
      const some = [...this.#unmarked].slice(0, 500).toSorted(([a], [b]) => (a < b ? -1 : 1))
      try {
        // As a command: a bulk of the driver serializes each update twice, to know how long it is.
        const updates = some.map(([_id, q]) => ({ q: { _id }, u: { $set: { q }, $unset: { u: '' } } }))
        await this.#options.db.command({ update: this.#commits.collectionName, updates, ordered: false, writeConcern: { w: 1 } })
      } catch {
        // Whoever needs the number looks into the log, and the next look for orphans marks it.
      }
      for (const [_id] of some) this.#unmarked.delete(_id)
    }
  }

  /** Numbers the commits that a copy which is gone has stored and not numbered. */
  async #adopt(): Promise<void> {
    const held = this.#leases.held()
    if (held.length === 0) return
    const found = (await this.#commits
      .find({ u: { $in: held } }, { projection: withoutEvents })
      .limit(1_000)
      .toArray()) as unknown as CommitRef[]
    for (const commit of found) {
      // Whoever stored it is numbering it; it is an orphan when it still is there the next time.
      if (this.#orphans.has(commit._id) && !this.#partition(commit.p).isWaiting(commit._id) && !this.#unmarked.has(commit._id)) this.#adoptOne(commit)
    }
    this.#orphans = new Set(found.map(({ _id }) => _id))
    // Hints may get lost: one partition each time is looked at without one.
    await this.#partition(held[this.#look++ % held.length] as number).follow()
  }

  #adoptOne(commit: CommitRef): void {
    void this.#partition(commit.p)
      .number(commit)
      .then(
        (q) => this.#mark([{ _id: commit._id, q }]),
        () => undefined,
      )
  }

  /** For proofs: stops as a process that is killed does. */
  abandon(): void {
    this.#closed = true
    this.#metrics.stop()
    for (const timer of this.#timers) clearInterval(timer)
    clearTimeout(this.#unhurried)
    this.#leases.abandon()
  }

  /** Settles what writers that are gone have left undecided. */
  settleClaims(): Promise<void> {
    return this.#claims.sweep()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#metrics.stop()
    for (const timer of this.#timers) clearInterval(timer)
    await atMost(1_000, this.#numberAll())
    await this.#leases.close()
    await atMost(1_000, this.#marking)
  }
}
