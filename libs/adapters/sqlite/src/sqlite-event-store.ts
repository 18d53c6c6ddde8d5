/** Event store of one service in one SQLite file: partition 0, one row for each commit. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { everywhere, parseStreamName, streamName, type ClaimChange, type Position, type StreamId } from '@pavan/kernel'
import {
  ClaimTaken,
  EventStore,
  VersionConflict,
  type AppendOptions,
  type AppendResult,
  type NewEvent,
  type StoredEvent,
} from '@pavan/platform/events/event-store.js'
import { storeSchema, type AppendAnswer, type EncodedClaim } from './append.program.js'
import { CommitTail, type CommitRow } from './commit-tail.js'
import type { Db } from './db.js'

export interface SqliteEventStoreOptions {
  readonly db: Db
  /** Name of the service: the context of every event. */
  readonly context: string
  /** Key of the claims' HMAC-SHA-256. Must stay the same for the life of the file. */
  readonly claimKey: Uint8Array
}

export class SqliteEventStore extends EventStore {
  readonly #db: Db
  readonly #context: string
  readonly #claimKey: KeyObject
  readonly #listeners = new Set<() => void>()
  readonly #tail = new CommitTail()
  #waking = false

  constructor({ db, context, claimKey }: SqliteEventStoreOptions) {
    super()
    this.#db = db
    this.#context = context
    this.#claimKey = createSecretKey(claimKey)
    db.prepare(['schema', storeSchema])
  }

  async append(stream: StreamId, events: readonly NewEvent[], options: AppendOptions): Promise<AppendResult> {
    if (events.length < 1 || events.length > 1_000) throw new RangeError(`a commit has 1 to 1,000 events, not ${events.length}`)
    const claims = options.claims?.length ? options.claims.map((change) => this.#encode(stream.tenant, change)) : null
    const name = nameOf(stream)
    const text = JSON.stringify(events)
    const answer = await this.#db.write<AppendAnswer>(['append', name, options.expected, events.length, options.commandId ?? null, text, claims])
    switch (answer[0]) {
      case 'conflict':
        throw new VersionConflict(options.expected, answer[1])
      case 'taken':
        throw new ClaimTaken(answer[1])
      default: {
        const [outcome, version, seq] = answer
        if (outcome === 'appended') {
          this.#tail.remember({ seq, stream: name, version, events: this.#placed(events, stream, version, seq) }, events.length)
          this.#wake()
        }
        return { version, position: { p: 0, seq }, repeated: outcome === 'repeated' }
      }
    }
  }

  async read(stream: StreamId, from = 1): Promise<readonly StoredEvent[]> {
    const rows = this.#db.reader
      .statement('SELECT seq, stream, version, events FROM commits WHERE stream = ? AND version >= ? ORDER BY base')
      .all(nameOf(stream), from) as unknown as CommitRow[]
    const events = rows.flatMap((row) => this.#open(row))
    return from > 1 ? events.filter((event) => event.version >= from) : events
  }

  async readAll(after: Position, limit: number): Promise<readonly StoredEvent[]> {
    return this.after(after, limit)
  }

  after({ seq }: Position, limit: number): readonly StoredEvent[] {
    const events: StoredEvent[] = []
    for (const row of this.#tail.after(seq) ?? this.#rowsAfter(seq, limit)) {
      for (const event of this.#open(row)) if (event.position.seq > seq) events.push(event)
      if (events.length >= limit) break
    }
    return events.slice(0, limit)
  }

  #rowsAfter(seq: number, limit: number): Iterable<CommitRow> {
    return this.#db.reader
      .statement('SELECT seq, stream, version, events FROM commits WHERE seq > ? ORDER BY seq LIMIT ?')
      .iterate(seq, limit) as unknown as Iterable<CommitRow>
  }

  async claimOwner(tenant: string, name: string, value: string): Promise<StreamId | undefined> {
    const row = this.#db.reader.statement('SELECT stream FROM claims WHERE hash = ?').get(this.#hash(tenant, name, value)) as { stream: string } | undefined
    return row && parseStreamName(row.stream)
  }

  owned(): readonly Position[] {
    const { last } = this.#tail
    if (last !== undefined) return [{ p: 0, seq: last }]
    const row = this.#db.reader.statement('SELECT seq FROM commits ORDER BY seq DESC LIMIT 1').get() as { seq: number } | undefined
    return [{ p: 0, seq: row?.seq ?? 0 }]
  }

  onAppend(wake: () => void): () => void {
    const listener = () => wake()
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Once for all commits that were answered together. */
  #wake(): void {
    if (this.#waking) return
    this.#waking = true
    queueMicrotask(() => {
      this.#waking = false
      for (const listener of this.#listeners) listener()
    })
  }

  #open(row: CommitRow): readonly StoredEvent[] {
    const { events } = row
    return typeof events === 'string' ? this.#placed(JSON.parse(events) as NewEvent[], parseStreamName(row.stream), row.version, row.seq) : events
  }

  /** The events of a commit with their places; `version` and `seq` are those of the last one. */
  #placed(events: readonly NewEvent[], stream: StreamId, version: number, seq: number): StoredEvent[] {
    const before = events.length - 1
    return events.map((event, i) => ({ ...event, context: this.#context, stream, version: version - before + i, position: { p: 0, seq: seq - before + i } }))
  }

  #encode(tenant: string, change: ClaimChange): EncodedClaim {
    if ('releaseAll' in change) return ['release-all']
    const [op, claim] = 'take' in change ? (['take', change.take] as const) : (['release', change.release] as const)
    return [op, this.#hash(claim.everywhere ? everywhere : tenant, claim.name, claim.value), claim.name]
  }

  #hash(tenant: string, name: string, value: string): string {
    return createHmac('sha256', this.#claimKey)
      .update(JSON.stringify([tenant, name, value]))
      .digest('base64url')
  }
}

/** A slash in tenant or category would let two streams share a name. */
const nameOf = (stream: StreamId): string => {
  if (stream.tenant.includes('/') || stream.category.includes('/')) throw new TypeError('tenant and category of a stream have no slash')
  return streamName(stream)
}
