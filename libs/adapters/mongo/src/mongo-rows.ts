/** Rows of one service in its database: one collection for each table. */
import type { Clock } from '@pavan/kernel'
import {
  checkpointsOf,
  Rows,
  type ApplyResult,
  type Checkpoint,
  type FindQuery,
  type Look,
  type LookOptions,
  type Page,
  type RowChange,
  type TableDefinition,
  type UpTo,
} from '@pavan/platform/views/rows.js'
import { KeyedMutex } from '@pavan/platform/service/keyed-mutex.js'
import { chunks, concern, nonce, prepare, type Db } from './database.js'
import { end, idOf, separator } from './ordered-text.js'
import { crossing, isDuplicate, isTransient, jitter, persist } from './retry.js'
import { RecentDocs } from './recent-docs.js'
import { OpenChanges } from './open-changes.js'
import { RowCommits, isMine, type Written } from './row-commits.js'
import { entryImage, keysOf, Overlay, planned, play, removalsOf, type Entry, type Named, type Planned } from './row-plan.js'
import { RowTidying } from './row-tidying.js'
import { MongoLook, type Place, type Seen } from './mongo-look.js'
import { encodeCursor, rangeOf } from './row-query.js'
import {
  changeTo,
  checkpoints,
  imageOf,
  liveJson,
  mongoIndexes,
  shapeOf,
  writersOf,
  type Durability,
  type Image,
  type JsonRow,
  type RowDoc,
  type RowShape,
} from './row-shape.js'

export interface MongoRowsOptions {
  readonly db: Db
  readonly clock: Clock
  /** How long somebody else's undecided change is waited for; 2 s by default, less in proofs. */
  readonly lockPatienceMs?: number
}

const tidyEveryMillis = 60_000
/** How long changes are tried again that others are always faster than, or that the database does not answer. */
const patienceMs = 15_000

const stale: ApplyResult = { applied: false, because: 'stale' }

interface Applying {
  readonly durability: Durability
  readonly moved: readonly Checkpoint[]
  readonly look: MongoLook | undefined
}

export class MongoRows extends Rows {
  readonly #db: Db
  readonly #clock: Clock
  readonly #open: OpenChanges
  readonly #commits: RowCommits
  readonly #tidying: RowTidying
  /** Calls of this process do not have to collide in the database. */
  readonly #local = new KeyedMutex()
  readonly #recent = new RecentDocs()
  /** Where little happens a checkpoint is stored again after minutes, and by nobody else as long as partitions stay. */
  readonly #recentCheckpoints = new RecentDocs(600_000)
  readonly #opened = new Map<string, RowShape>()
  readonly #timers: readonly NodeJS.Timeout[]
  #takingOver: Promise<void> | undefined

  private constructor({ db, clock, lockPatienceMs }: MongoRowsOptions) {
    super()
    this.#db = db
    this.#clock = clock
    const now = () => clock.now()
    this.#open = new OpenChanges(db, now, lockPatienceMs)
    this.#commits = new RowCommits(this.#open, now)
    this.#tidying = new RowTidying(this.#open, now)
    this.#timers = [
      setInterval(() => void this.sweep().catch(() => undefined), tidyEveryMillis).unref(),
      setInterval(() => void this.#tidying.recover().catch(() => undefined), tidyEveryMillis).unref(),
    ]
  }

  static async open(options: MongoRowsOptions): Promise<MongoRows> {
    const rows = new MongoRows(options)
    await rows.#open.prepare()
    await rows.open([checkpoints])
    return rows
  }

  /** Every copy of a service writes the same collections. */
  override get shared(): boolean {
    return true
  }

  open(tables: readonly TableDefinition<any>[]): Promise<void> {
    return crossing(async () => {
      await Promise.all(
        tables.map(async (table) => {
          const shape = shapeOf(table)
          await persist(() => prepare(this.#db, shape.collection, mongoIndexes(shape)))
          this.#open.open(shape.collection)
          await this.#tidying.finishDecided(shape.collection)
          await this.#reshape(shape)
          this.#opened.set(shape.collection, shape)
        }),
      )
    })
  }

  get<R extends object>(table: TableDefinition<R>, key: string): Promise<R | undefined> {
    return crossing(async () => {
      const shape = shapeOf(table)
      const { collection } = shape
      const found = await this.#open.lookups.one(collection, idOf(key))
      const doc = !found || this.#open.isSettled(found) ? found : await this.#open.read(collection, found)
      // Most who read a row by its key are about to change it.
      if (doc && doc.l === undefined) this.#recentOf(shape).read(collection, doc)
      const json = liveJson(doc, this.#clock.now())
      return json === undefined ? undefined : (JSON.parse(json) as R)
    })
  }

  override look({ sure = false, unsettled = false }: LookOptions = {}): Look {
    return new MongoLook(sure, this.#clock, (shape, id) => this.#seen(shape, id, { sure, unsettled }))
  }

  #seen(shape: RowShape, id: string, { sure, unsettled }: Required<LookOptions>): Promise<Seen> {
    return crossing(async () => {
      const recent = sure ? undefined : this.#recentOf(shape).get(shape.collection, id)
      if (recent) return { shape, id, doc: recent, sure: false }
      const stored = await this.#open.lookups.one(shape.collection, id)
      if (!stored || this.#open.isSettled(stored)) return { shape, id, doc: stored, sure: !unsettled }
      if (unsettled) return { shape, id, doc: await this.#open.unsettled(stored), sure: false }
      const doc = await this.#open.free(shape.collection, stored)
      return { shape, id, doc, sure: true }
    })
  }

  find<R extends object>(table: TableDefinition<R>, query: FindQuery<R>): Promise<Page<R>> {
    return crossing(async () => {
      const shape = shapeOf(table)
      const range = rangeOf(table, query)
      const { at } = range
      const now = this.#clock.now()
      const items: R[] = []
      // Rows that have expired lie in the index until they are swept: what they take from a page is read behind it.
      for (let [from, to] = [range.from, range.to]; from < to;) {
        const wanted = query.limit - items.length
        const docs = await persist(() =>
          this.#open
            .rows(shape.collection)
            .find({ [at]: { $gte: from, $lt: to } })
            .sort({ [at]: query.order === 'desc' ? -1 : 1 })
            .limit(wanted + 1)
            .toArray(),
        )
        const page = docs.slice(0, wanted)
        for (const one of page) {
          const doc = this.#open.isSettled(one) ? one : await this.#open.read(shape.collection, one)
          const json = liveJson(doc, now)
          const text = doc?.[at]
          if (json !== undefined && text !== undefined && text >= range.from && text < range.to) items.push(JSON.parse(json) as R)
        }
        if (docs.length <= wanted) break
        const last = (page.at(-1) as RowDoc)[at] as string
        if (items.length === query.limit) return { items, next: encodeCursor(last, range) }
        if (query.order === 'desc') to = last
        else from = last + separator
      }
      return { items }
    })
  }

  async apply(changes: readonly RowChange<any>[], upTo?: UpTo, look?: Look): Promise<ApplyResult> {
    if (changes.length > 10_000) throw new RangeError(`one apply makes up to 10,000 changes, not ${changes.length}`)
    const moved = checkpointsOf(upTo)
    const durability = moved[0]?.durability ?? changes[0]?.table.durability
    if (durability === undefined) return { applied: true, counts: [] }
    const plan = changes.map((change) => planned(change, durability))
    const keys = keysOf(plan)
    for (const one of moved) keys.push({ shape: shapeOf(checkpoints), key: checkpointKey(one, durability), fresh: false })
    return crossing(() =>
      this.#local.run([...new Set(keys.map(({ shape, key }) => shape.collection + separator + key))], () =>
        this.#apply(plan, keys, { durability, moved, look: look as MongoLook | undefined }),
      ),
    )
  }

  async #apply(plan: readonly Planned[], keys: readonly Named[], { durability, moved, look }: Applying): Promise<ApplyResult> {
    const seen = look?.used ? look : undefined
    if (plan.length === 1 && moved.length === 0 && !seen && (await this.#alone(plan[0] as Planned, durability))) return { applied: true, counts: [1] }
    const givingUp = performance.now() + patienceMs
    for (let attempt = 0; ; attempt++) {
      const now = this.#clock.now()
      // First with what this process has just written itself, as far as it is that; then with what is there.
      const { overlay, remembered } = await this.#load(plan, keys, now, { guess: seen ? !seen.sure : attempt === 0, seen })
      const sure = remembered.length === 0 && seen?.guessed !== true
      const stored = this.#moveCheckpoints(overlay, moved)
      if (stored !== undefined && sure) return { applied: false, because: 'checkpoint', stored }
      if (stored !== undefined && seen) return stale
      if (stored !== undefined) continue
      const outcome = play(overlay, plan)
      if ('failed' in outcome && sure) return { applied: false, because: 'condition', failed: outcome.failed }
      if ('failed' in outcome && seen) return stale
      if ('failed' in outcome) continue
      const writes = overlay.writes()
      // What is written is judged by the write; what is only read is not.
      const unproved = remembered.filter((entry) => !writes.includes(entry))
      if (seen ? !(await this.#unchanged([...unproved, ...seen.guessesBeside(writes)])) : unproved.length > 0) {
        if (seen) return stale
        continue
      }
      try {
        if (writes.length === 0 || (await this.#writeAll(writes, durability))) return { applied: true, counts: outcome.counts }
      } catch (error) {
        if (!isTransient(error) || performance.now() > givingUp) throw error
      }
      for (const { shape, id } of remembered) this.#recentOf(shape).forget(shape.collection, id)
      if (seen) {
        for (const { shape, id } of writes) this.#recentOf(shape).forget(shape.collection, id)
        return stale
      }
      if (sure) await jitter(Math.max(1, attempt))
    }
  }

  /** Whether documents that this process remembers are what is stored. */
  async #unchanged(places: readonly Place[]): Promise<boolean> {
    const same = await Promise.all(
      [...Map.groupBy(places, ({ shape }) => shape)].map(async ([shape, some]) => {
        const filter = { _id: { $in: some.map(({ id }) => id) } }
        const stored = await persist(() =>
          this.#open
            .rows(shape.collection)
            .find(filter, { projection: { v: 1, l: 1 } })
            .toArray(),
        )
        const versions = new Map(stored.map(({ _id, v, l }) => [_id, l === undefined ? v : undefined]))
        return some.every(({ id, doc }) => doc !== undefined && versions.get(id) === doc.v)
      }),
    )
    return same.every(Boolean)
  }

  #recentOf({ collection }: RowShape): RecentDocs {
    return collection === shapeOf(checkpoints).collection ? this.#recentCheckpoints : this.#recent
  }

  async #writeAll(writes: readonly Entry[], durability: Durability): Promise<boolean> {
    const written = await this.#commits.write(writes, durability)
    if (!written) return false
    for (const entry of writes) {
      const image = entryImage(entry)
      if (image) this.#recentOf(entry.shape).remember(entry.shape.collection, docAfter(entry, image, written))
      else this.#recentOf(entry.shape).forget(entry.shape.collection, entry.id)
    }
    return true
  }

  /** A row that is new needs no look before: one insert, judged by the unique key. False: it takes the long way. */
  async #alone(change: Planned, durability: Durability): Promise<boolean> {
    if (change.op !== 'put' && change.op !== 'insert') return false
    const rows = this.#open.rows(change.shape.collection)
    const _id = idOf(change.key)
    const v = nonce()
    const doc = { _id, ...imageOf(change.shape, change.key, JSON.parse(change.row) as JsonRow, change.row), v }
    return persist(async (attempt) => {
      try {
        await rows.insertOne(doc, concern(durability))
        this.#recent.remember(change.shape.collection, doc)
        return true
      } catch (error) {
        if (!isDuplicate(error)) throw error
        // An earlier attempt may have got through although its answer did not.
        return attempt > 0 && isMine(await rows.findOne({ _id }), v)
      }
    })
  }

  /**
   * The documents that a plan touches, held by nobody; and which of them were not looked at, because this process has just written them, or because
   * they are most likely not there.
   */
  async #load(
    plan: readonly Planned[],
    keys: readonly Named[],
    now: number,
    { guess, seen }: { guess: boolean; seen: MongoLook | undefined },
  ): Promise<{ overlay: Overlay; remembered: Entry[] }> {
    const overlay = new Overlay(now)
    const remembered: Entry[] = []
    const wanted = new Map<RowShape, Map<string, string>>()
    for (const { shape, key, fresh } of keys) {
      const known = seen?.of(shape, idOf(key))
      if (known) {
        overlay.add(shape, key, known.doc)
        continue
      }
      const recent = guess ? this.#recentOf(shape).get(shape.collection, idOf(key)) : undefined
      if (recent || (guess && fresh && !wanted.get(shape)?.has(idOf(key)))) {
        overlay.add(shape, key, recent)
        const entry = overlay.of(shape, key)
        if (!remembered.includes(entry)) remembered.push(entry)
      } else wanted.set(shape, (wanted.get(shape) ?? new Map<string, string>()).set(idOf(key), key))
    }
    await Promise.all(
      [...wanted].map(async ([shape, ids]) => {
        const found = new Map<string, RowDoc>()
        for (const some of chunks([...ids.keys()])) {
          const filter = some.length === 1 ? { _id: some[0] as string } : { _id: { $in: some } }
          for (const doc of await this.#free(shape, () => this.#open.rows(shape.collection).find(filter).toArray())) found.set(doc._id, doc)
        }
        for (const [id, key] of ids) overlay.add(shape, key, found.get(id))
      }),
    )
    for (const { shape, at, prefix } of removalsOf(plan)) {
      const filter = { [at]: { $gte: prefix, $lt: prefix + end } }
      for (const doc of await this.#free(shape, () => this.#open.rows(shape.collection).find(filter).toArray())) overlay.add(shape, doc._id, doc)
    }
    return { overlay, remembered }
  }

  async #free(shape: RowShape, read: () => Promise<RowDoc[]>): Promise<RowDoc[]> {
    const found: RowDoc[] = []
    for (const doc of await persist(read)) {
      const free = this.#open.isSettled(doc) ? doc : await this.#open.free(shape.collection, doc)
      if (free) found.push(free)
    }
    return found
  }

  /** Lets the checkpoints change with the rows, or answers where one stands instead. */
  #moveCheckpoints(overlay: Overlay, moved: readonly Checkpoint[]): number | undefined {
    for (const { from, to, durability, ...place } of moved) {
      const entry = overlay.of(shapeOf(checkpoints), checkpointKey(place, durability))
      const stored = entry.json === undefined ? 0 : (JSON.parse(entry.json) as { seq: number }).seq
      if (stored !== from) return stored
      entry.json = JSON.stringify({ seq: to })
      entry.changed = true
    }
    return undefined
  }

  async checkpoint(consumer: string, context: string, p: number, durability: Durability): Promise<number> {
    const key = checkpointKey({ consumer, context, p }, durability)
    // Whoever asks may have it from another copy: what is read now takes the place of what this one remembers.
    this.#recentCheckpoints.forget(shapeOf(checkpoints).collection, idOf(key))
    return (await this.get(checkpoints, key))?.seq ?? 0
  }

  drop(table: TableDefinition<any>): Promise<void> {
    return crossing(async () => {
      const { collection } = shapeOf(table)
      this.#opened.delete(collection)
      this.#open.drop(collection)
      await persist(() => this.#db.collection<{ _id: string }>('meta').deleteOne({ _id: `shape:${collection}` }))
      await persist(() => this.#db.collection(collection).drop()).catch((error: { code?: number; message?: string }) => {
        if (error.code !== 26 && !/ns not found/.test(error.message ?? '')) throw error
      })
    })
  }

  /** Writes the index texts of every row anew when the table declares other indexes than before. */
  async #reshape(shape: RowShape): Promise<void> {
    const meta = this.#db.collection<{ _id: string; shape: string }>('meta')
    const _id = `shape:${shape.collection}`
    const text = JSON.stringify([[...shape.indexes].map(([name, { fields }]) => [name, fields]), shape.expires ?? null])
    const known = await persist(() => meta.findOne({ _id }))
    if (known?.shape === text) return
    if (known) {
      const rows = this.#open.rows(shape.collection)
      for await (const doc of rows.find({ d: { $exists: false } })) {
        if (doc.r === undefined || (doc.s !== undefined && !(await this.#open.unsettled(doc)))) continue
        const row = JSON.parse(doc.r) as JsonRow
        const image = imageOf(shape, doc._id, row, doc.r)
        await this.#open.settleBefore([{ doc }])
        await persist(() => rows.updateOne({ _id: doc._id, v: doc.v, l: { $exists: false } }, changeTo(doc, image, nonce()) as never))
      }
    }
    await persist(() => meta.updateOne({ _id }, { $set: { shape: text } }, { upsert: true }))
  }

  /** Another copy may have died: what it has decided and not finished is finished. Calls that come together are one. */
  takeOver(): Promise<void> {
    return (this.#takingOver ??= crossing(() => this.#tidying.takeOver()).finally(() => (this.#takingOver = undefined)))
  }

  /** Removes rows that have expired; answers how many. Readers do not see them anyway. */
  async sweep(): Promise<number> {
    let removed = 0
    for (const { collection } of this.#opened.values()) removed += await this.#tidying.sweep(collection)
    return removed
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.#commits.close()
  }
}

/** The document that a write has left. */
const docAfter = (entry: Entry, image: Image, { v, root, mark }: Written): RowDoc => ({
  _id: entry.id,
  ...image,
  v,
  ...(entry.doc ? { w: writersOf(entry.doc) } : {}),
  ...(entry.doc?.q ? { q: entry.doc.q } : {}),
  ...(entry.doc?.z ? { z: entry.doc.z } : {}),
  ...(entry === root ? mark : {}),
})

const checkpointKey = ({ consumer, context, p }: Pick<Checkpoint, 'consumer' | 'context' | 'p'>, durability: Durability): string =>
  JSON.stringify([consumer, context, p, durability])
