/**
 * Unique values as reservations. A reservation is inserted before the commit that takes the value and names that attempt; it holds once the commit
 * is stored, so whoever meets one decides by looking whether it is. An attempt that is undecided for too long is ended by taking its
 * place in the stream: its commit can then no longer be inserted, and the next commit of the stream takes the place over.
 * Values are keyed hashes: the database never contains one.
 */
import { createHmac } from 'node:crypto'
import { everywhere, type ClaimChange } from '@pavan/kernel'
import { ClaimTaken } from '@pavan/platform/events/event-store.js'
import { KeyedMutex } from '@pavan/platform/service/keyed-mutex.js'
import type { CommitDoc, StreamRef } from './commit-doc.js'
import { durable, nonce, type Collection } from './database.js'
import { isDuplicate, pause, persist } from './retry.js'

/** One try to store a commit: its place and its mark. */
export interface Attempt {
  readonly i: string
  readonly a: string
}

export interface ClaimDoc {
  /** HMAC-SHA-256 of tenant, name and value. */
  readonly _id: string
  /** The stream, as JSON. */
  readonly s: string
  /** Attempts of the stream that take the value; it holds if one of them is stored. */
  readonly t: readonly Attempt[]
  /** Attempts that give it back. */
  readonly r: readonly Attempt[]
  /** It holds: no need to look. */
  readonly k?: true
  /** Something is undecided or has to be cleared away. */
  readonly o?: true
  /** Id of the last write; every write is conditional on the one before. */
  readonly v: string
}

/** What an attempt has written, to be confirmed or undone. */
export interface Reserved {
  readonly attempt: Attempt
  /** Claim → id of our write. */
  readonly taken: Map<string, string>
  readonly given: Map<string, string>
}

interface Wanted {
  readonly takes: readonly { readonly hash: string; readonly name: string }[]
  readonly gives: ReadonlySet<string>
  readonly all: boolean
}

/** How long an undecided attempt of another stream is waited for, by the clock of whoever waits. */
const claimPatienceMs = 2_000
const writing = { writeConcern: durable }

export class Claims {
  readonly #claims: Collection<ClaimDoc>
  readonly #commits: Collection<CommitDoc>
  readonly #key: Uint8Array
  readonly #local = new KeyedMutex()
  #open = new Map<string, string>()

  constructor(
    claims: Collection<ClaimDoc>,
    commits: Collection<CommitDoc>,
    key: Uint8Array,
    private readonly patienceMs = claimPatienceMs,
  ) {
    this.#claims = claims
    this.#commits = commits
    this.#key = key
  }

  hash(tenant: string, name: string, value: string): string {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([tenant, name, value]))
      .digest('base64url')
  }

  wanted(tenant: string, changes: readonly ClaimChange[]): Wanted {
    const takes = new Map<string, string>()
    const gives = new Set<string>()
    let all = false
    for (const change of changes) {
      if ('releaseAll' in change) {
        all = true
        for (const hash of takes.keys()) gives.add(hash)
        continue
      }
      const claim = 'take' in change ? change.take : change.release
      const hash = this.hash(claim.everywhere ? everywhere : tenant, claim.name, claim.value)
      if ('take' in change) {
        takes.set(hash, claim.name)
        gives.delete(hash)
      } else gives.add(hash)
    }
    return { takes: [...takes].map(([hash, name]) => ({ hash, name })).toSorted((a, b) => (a.hash < b.hash ? -1 : 1)), gives, all }
  }

  /** Calls of this process that want the same values go one after the other. */
  exclusive<T>(wanted: Wanted, work: () => Promise<T>): Promise<T> {
    return this.#local.run(
      wanted.takes.map(({ hash }) => hash),
      work,
    )
  }

  /** Reserves what is taken and marks what is given back. Throws `ClaimTaken`, and has nothing reserved then. */
  async reserve(stream: StreamRef, attempt: Attempt, wanted: Wanted): Promise<Reserved> {
    const reserved: Reserved = { attempt, taken: new Map(), given: new Map() }
    try {
      for (const { hash, name } of wanted.takes) await this.#take(stream.name, reserved, hash, name)
    } catch (error) {
      await this.undo(reserved)
      throw error
    }
    const held = wanted.all ? await persist(() => this.#claims.find({ s: stream.name }).toArray()) : []
    const kept = new Set(wanted.takes.map(({ hash }) => hash))
    const gives = new Set([...wanted.gives, ...held.map(({ _id }) => _id).filter((hash) => !kept.has(hash))])
    await Promise.all([...gives].map((hash) => this.#give(stream.name, reserved, hash)))
    return reserved
  }

  async #take(s: string, reserved: Reserved, hash: string, name: string): Promise<void> {
    const since = new Map<string, number>()
    for (let attempt = 1; ; attempt++) {
      const doc = await this.#read(hash)
      if (!doc) {
        const v = await this.#insert({ _id: hash, s, t: [reserved.attempt], r: [], o: true, v: nonce() })
        if (v !== undefined) return void reserved.taken.set(hash, v)
        continue
      }
      const { held, released, undecided } = await this.#judge(doc)
      if (held) {
        if (doc.s === s) return
        throw new ClaimTaken(name)
      }
      if (doc.s === s || undecided.length === 0) {
        const t = [...(doc.s === s ? undecided : []), reserved.attempt]
        const v = await this.#replace(doc, { s, t, r: doc.s === s && !released ? doc.r : [], o: true })
        if (v !== undefined) return void reserved.taken.set(hash, v)
      } else if (performance.now() - (since.get(doc.v) ?? since.set(doc.v, performance.now()).get(doc.v)!) < this.patienceMs)
        await pause(Math.random() * Math.min(25, 4 * attempt))
      else await this.#end(undecided)
    }
  }

  async #give(s: string, reserved: Reserved, hash: string): Promise<void> {
    for (;;) {
      const doc = await this.#read(hash)
      if (!doc || doc.s !== s) return
      const own = doc.t.some(({ a }) => a === reserved.attempt.a)
      if (!own && !(await this.#judge(doc)).held) return
      const v = await this.#replace(doc, { s, t: doc.t, r: [...doc.r, reserved.attempt], o: true, ...(doc.k ? { k: true } : {}) })
      if (v === undefined) continue
      reserved.taken.delete(hash)
      return void reserved.given.set(hash, v)
    }
  }

  /** The commit is stored: what it took holds, what it gave back is free. Both are so already; this only saves others the look. */
  async confirm({ taken, given }: Reserved): Promise<void> {
    await Promise.all([
      ...[...taken].map(([_id, v]) => persist(() => this.#claims.updateOne({ _id, v }, { $set: { k: true, t: [], v: nonce() }, $unset: { o: '' } }, writing))),
      ...[...given].map(([_id, v]) => persist(() => this.#claims.deleteOne({ _id, v }, writing))),
    ])
  }

  /** The commit is not stored and never will be. */
  async undo({ attempt, taken }: Reserved): Promise<void> {
    await Promise.all(
      [...taken].map(async ([_id, v]) => {
        const doc = await this.#read(_id)
        if (doc?.v !== v) return
        const t = doc.t.filter(({ a }) => a !== attempt.a)
        if (t.length === 0) await persist(() => this.#claims.deleteOne({ _id, v }, writing))
        else await this.#replace(doc, { s: doc.s, t, r: doc.r, o: true })
      }),
    )
  }

  /** The stream that holds a value now, as JSON. */
  async owner(hash: string): Promise<string | undefined> {
    const doc = await this.#read(hash)
    return doc && ((doc.k && doc.r.length === 0) || (await this.#judge(doc)).held) ? doc.s : undefined
  }

  /** Settles what writers that are gone have left: what is undecided since the last call is ended. */
  async sweep(): Promise<void> {
    const open = await persist(() => this.#claims.find({ o: true }).toArray())
    for (const doc of open) {
      if (this.#open.get(doc._id) !== doc.v) continue
      const { undecided } = await this.#judge(doc)
      await this.#end([...undecided, ...doc.r])
      const { held } = await this.#judge(doc)
      if (held)
        await persist(() => this.#claims.updateOne({ _id: doc._id, v: doc.v }, { $set: { k: true, t: [], r: [], v: nonce() }, $unset: { o: '' } }, writing))
      else await persist(() => this.#claims.deleteOne({ _id: doc._id, v: doc.v }, writing))
    }
    this.#open = new Map(open.map(({ _id, v }) => [_id, v]))
  }

  #read(_id: string): Promise<ClaimDoc | null> {
    return persist(() => this.#claims.findOne({ _id }))
  }

  async #insert(doc: ClaimDoc): Promise<string | undefined> {
    return persist(async () => {
      try {
        await this.#claims.insertOne(doc, writing)
        return doc.v
      } catch (error) {
        if (!isDuplicate(error)) throw error
        return (await this.#claims.findOne({ _id: doc._id }))?.v === doc.v ? doc.v : undefined
      }
    })
  }

  async #replace(before: ClaimDoc, after: Omit<ClaimDoc, '_id' | 'v'>): Promise<string | undefined> {
    const v = nonce()
    return persist(async () => {
      const change = { $set: { ...after, v }, ...(after.k ? {} : { $unset: { k: '' as const } }) }
      const { matchedCount } = await this.#claims.updateOne({ _id: before._id, v: before.v }, change, writing)
      return matchedCount === 1 || (await this.#claims.findOne({ _id: before._id }))?.v === v ? v : undefined
    })
  }

  /** Decides what a reservation is worth by the commits that it names. */
  async #judge(doc: ClaimDoc): Promise<{ held: boolean; released: boolean; undecided: Attempt[] }> {
    const ids = [...new Set([...doc.t, ...doc.r].map(({ i }) => i))]
    const places = ids.length === 0 ? [] : await persist(() => this.#commits.find({ _id: { $in: ids } }, { projection: { a: 1, x: 1, d: 1 } }).toArray())
    const found = new Map(places.map((place) => [place._id, place]))
    const stored = ({ i, a }: Attempt): boolean => found.get(i)?.a === a
    const ended = ({ i, a }: Attempt): boolean => {
      const place = found.get(i)
      return place !== undefined && (place.x ? place.d?.includes(a) === true : place.a !== a)
    }
    const released = doc.r.some(stored)
    const undecided = doc.t.filter((attempt) => !stored(attempt) && !ended(attempt))
    return { released, held: !released && (doc.k === true || doc.t.some(stored)), undecided }
  }

  /** Ends attempts by a mark in the place of their commit, so that they cannot be stored any more. One that is stored already keeps its place. */
  async #end(attempts: readonly Attempt[]): Promise<void> {
    for (const { i: _id, a } of attempts) {
      const mark = { _id, x: true, d: [a] } as unknown as CommitDoc
      await persist(async () => {
        try {
          await this.#commits.insertOne(mark, writing)
        } catch (error) {
          if (!isDuplicate(error)) throw error
          await this.#commits.updateOne({ _id, x: true }, { $push: { d: a } }, writing)
        }
      })
    }
  }
}
