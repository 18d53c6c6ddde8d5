/**
 * Which copy of a service publishes which partition. Copies share the partitions evenly; a lease is a counter that its holder raises each
 * second. A holder is gone when its counter stood still for three seconds of the observer's own monotonic clock: no clock of one machine is ever compared
 * with that of another. Leases only save work: what they protect is safe without them, by the key of the log.
 */
import { prepare, type Collection, type Db } from './database.js'
import { atMost, persist } from './retry.js'

interface LeaseDoc {
  /** `p:` and the partition, or `c:` and the copy. */
  readonly _id: string
  /** Raised by the holder, or by the copy. */
  readonly beat: number
  readonly holder?: string
  /** Last sequence number that somebody else than the holder has written: a hint. */
  readonly h?: number
}

export interface LeasesOptions {
  readonly db: Db
  readonly copy: string
  readonly partitions: number
  /** Called when a partition is held from now on. */
  readonly onTaken: (p: number) => void
  /** Called with the hint of a partition that is held. */
  readonly onHint: (p: number, head: number) => void
  /** Time between two beats; 1 s by default, less in proofs. */
  readonly beatMs?: number
}

const secondMs = 1_000
/** A holder is gone after so many beats, and stops a little before others may take over. */
const gone = 3
const own = 2.5
const forgotten = 60
/** How long the end waits for the database, in milliseconds. */
const patienceMs = 1_000
/** Milliseconds between two looks for hints: the longer one is what the first event after a quiet time may wait for. */
export const quickest = 20
export const slowest = 100

const leaseId = (p: number): string => `p:${String(p).padStart(5, '0')}`

export class Leases {
  readonly #options: LeasesOptions
  readonly #leases: Collection<LeaseDoc>
  readonly #me: string
  readonly #beatMs: number
  /** Partition → until when it is surely ours, by our monotonic clock. */
  readonly #held = new Map<number, number>()
  /** What we saw of others, and since when it has not changed. */
  readonly #seen = new Map<string, { mark: string; since: number; looks: number }>()
  readonly #hints = new Map<number, number>()
  /** Hints to be written. */
  readonly #told = new Map<number, number>()
  #telling: Promise<void> | undefined
  #beating: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #poll: NodeJS.Timeout | undefined
  #wait = slowest
  #others = 0
  #closed = false

  constructor(options: LeasesOptions) {
    this.#options = options
    this.#leases = options.db.collection<LeaseDoc>('leases')
    this.#me = `c:${options.copy}`
    this.#beatMs = options.beatMs ?? secondMs
  }

  async open(): Promise<void> {
    await persist(() => prepare(this.#options.db, 'leases'))
    const docs = Array.from({ length: this.#options.partitions }, (_, p): LeaseDoc => ({ _id: leaseId(p), beat: 0 }))
    const known = await persist(() => this.#leases.countDocuments({ _id: { $gte: 'p:', $lt: 'p;' } }))
    // Whoever is second finds them there, which is as good.
    if (known < docs.length)
      await persist(() => this.#leases.insertMany(docs, { ordered: false })).catch((error: { code?: number }) => {
        if (error.code !== 11000) throw error
      })
    await persist(() => this.#beat())
    const beat = (): void => {
      this.#timer = setTimeout(() => {
        this.#beating = this.#beat()
          .catch(() => undefined)
          .finally(beat)
      }, this.#beatMs).unref()
      if (this.#closed) clearTimeout(this.#timer)
    }
    beat()
    this.#pollLater()
  }

  holds(p: number): boolean {
    return (this.#held.get(p) ?? 0) > performance.now()
  }

  held(): number[] {
    return [...this.#held.keys()].filter((p) => this.holds(p)).toSorted((a, b) => a - b)
  }

  /** Tells the holder of a partition that it has grown. May get lost: holders look for themselves as well. */
  tell(p: number, head: number): void {
    if (this.holds(p)) return
    this.#told.set(p, Math.max(head, this.#told.get(p) ?? 0))
    this.#telling ??= this.#tell().finally(() => (this.#telling = undefined))
  }

  async #tell(): Promise<void> {
    await Promise.resolve()
    while (this.#told.size > 0 && !this.#closed) {
      const hints = [...this.#told]
      this.#told.clear()
      await Promise.all(hints.map(([p, h]) => this.#leases.updateOne({ _id: leaseId(p) }, { $max: { h } }, { writeConcern: { w: 1 } }).catch(() => undefined)))
    }
  }

  async #beat(): Promise<void> {
    const sent = performance.now()
    await this.#leases.updateMany({ $or: [{ _id: this.#me }, { holder: this.#me }] }, { $inc: { beat: 1 } })
    const docs = await this.#leases.find().toArray()
    // The first time, and where the others have forgotten this copy.
    if (!docs.some(({ _id }) => _id === this.#me)) await this.#leases.updateOne({ _id: this.#me }, { $inc: { beat: 1 } }, { upsert: true })
    const now = performance.now()
    for (const doc of docs) this.#observe(doc, now)
    const copies = docs.filter(({ _id }) => _id.startsWith('c:') && _id !== this.#me)
    this.#others = copies.filter(({ _id }) => !this.#gone(_id, this.#beatMs * gone, now)).length
    await Promise.all(copies.filter(({ _id }) => this.#gone(_id, this.#beatMs * forgotten, now)).map(({ _id, beat }) => this.#leases.deleteOne({ _id, beat })))
    const leases = docs.filter(({ _id }) => _id.startsWith('p:'))
    const mine = leases.filter(({ holder }) => holder === this.#me)
    for (const p of this.#held.keys()) if (!mine.some(({ _id }) => _id === leaseId(p))) this.#held.delete(p)
    for (const { _id } of mine) this.#hold(partitionOf(_id), sent)
    await this.#share(leases, mine, now)
  }

  /** Takes free partitions, and those of copies that are gone, up to an even share; gives back what is more. */
  async #share(leases: readonly LeaseDoc[], mine: readonly LeaseDoc[], now: number): Promise<void> {
    if (this.#closed) return
    const share = Math.ceil(this.#options.partitions / (this.#others + 1))
    for (const { _id } of mine.slice(share)) {
      this.#held.delete(partitionOf(_id))
      await this.#leases.updateOne({ _id, holder: this.#me }, { $unset: { holder: '' }, $inc: { beat: 1 } })
    }
    const free = leases.filter(({ _id, holder }) => holder === undefined || (holder !== this.#me && this.#gone(_id, this.#beatMs * gone, now)))
    // Not all begin with the same one.
    const turn = free.length > 0 ? Math.floor(Math.random() * free.length) : 0
    const wanted = [...free.slice(turn), ...free.slice(0, turn)].slice(0, Math.max(0, share - mine.length))
    await Promise.all(
      wanted.map(async ({ _id, holder, beat }) => {
        const sent = performance.now()
        const as = holder === undefined ? { $exists: false } : holder
        const { matchedCount } = await this.#leases.updateOne({ _id, holder: as, beat } as never, { $set: { holder: this.#me }, $inc: { beat: 1 } })
        if (matchedCount === 1) this.#hold(partitionOf(_id), sent)
      }),
    )
  }

  #hold(p: number, sent: number): void {
    const before = this.holds(p)
    this.#held.set(p, sent + this.#beatMs * own)
    if (!before) this.#options.onTaken(p)
  }

  #observe({ _id, beat, holder = '' }: LeaseDoc, now: number): void {
    const mark = `${beat}/${holder}`
    const seen = this.#seen.get(_id)
    if (seen?.mark === mark) seen.looks++
    else this.#seen.set(_id, { mark, since: now, looks: 0 })
  }

  #gone(id: string, after: number, now: number): boolean {
    const seen = this.#seen.get(id)
    // Who could not look does not know: after a pause of the database everybody seems to have stood still.
    return seen !== undefined && now - seen.since > after && seen.looks >= gone
  }

  /** Looks for hints: quickly while there are some, seldom while there are none. */
  #pollLater(): void {
    if (this.#closed) return
    this.#poll = setTimeout(() => void this.#hear().finally(() => this.#pollLater()), this.#wait).unref()
  }

  async #hear(): Promise<void> {
    let news = false
    try {
      if (this.#others > 0 && this.#held.size > 0) {
        for (const { _id, h } of await this.#leases.find({ holder: this.#me }).toArray()) {
          const p = partitionOf(_id)
          if (h === undefined || h <= (this.#hints.get(p) ?? 0)) continue
          this.#hints.set(p, h)
          news = true
          this.#options.onHint(p, h)
        }
      }
    } catch {
      // The next look is soon.
    }
    this.#wait = news ? quickest : Math.min(slowest, this.#wait * 1.2)
  }

  /** Gives everything back. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#poll)
    await atMost(patienceMs, Promise.all([this.#beating, this.#telling]))
    this.#held.clear()
    // Whoever cannot give back is gone in three seconds.
    await atMost(patienceMs, this.#giveBack())
  }

  async #giveBack(): Promise<void> {
    await this.#leases.updateMany({ holder: this.#me }, { $unset: { holder: '' }, $inc: { beat: 1 } })
    await this.#leases.deleteOne({ _id: this.#me })
  }

  /** For proofs: stops as a process that is killed does, giving nothing back. */
  abandon(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#poll)
  }
}

const partitionOf = (id: string): number => Number(id.slice(2))
