/** Rows of one service in two files: durable tables beside the events, rebuildable ones in a file of their own. */
import type { Clock } from '@pavan/kernel'
import {
  checkpointsOf,
  Rows,
  type ApplyResult,
  type Checkpoint,
  type FindQuery,
  type Page,
  type RowChange,
  type TableDefinition,
  type UpTo,
} from '@pavan/platform/views/rows.js'
import type { Db } from './db.js'
import { find } from './row-query.js'
import { encodeChange, shapeOf, weightOf } from './row-encoding.js'
import { rowsSchema, selectCheckpoint, type ApplyAnswer, type EncodedCheckpoint } from './rows.program.js'
import { sqlOf, type RowShape } from './row-shape.js'

export interface SqliteRowsOptions {
  readonly full: Db
  readonly rebuildable: Db
  readonly clock: Clock
}

type Durability = Checkpoint['durability']

const sweepEveryMillis = 60_000
const sweepAtOnce = 500

export class SqliteRows extends Rows {
  readonly #options: SqliteRowsOptions
  readonly #opened = new Map<string, { readonly shape: RowShape; readonly db: Db }>()
  readonly #timer: NodeJS.Timeout

  constructor(options: SqliteRowsOptions) {
    super()
    this.#options = options
    for (const db of new Set([options.full, options.rebuildable])) db.prepare(['schema', rowsSchema])
    this.#timer = setInterval(() => void this.sweep().catch(() => undefined), sweepEveryMillis).unref()
  }

  /** One queue of writes for events and durable rows, which are in one file. */
  override get afterEvents(): boolean {
    return true
  }

  async open(tables: readonly TableDefinition<any>[]): Promise<void> {
    await Promise.all(
      tables.map(async (table) => {
        const shape = shapeOf(table)
        const db = this.#db(table.durability)
        // A table with other indexes than before is written anew.
        await db.write(['define-rows', shape], Infinity)
        this.#opened.set(shape.table, { shape, db })
      }),
    )
  }

  async get<R extends object>(table: TableDefinition<R>, key: string): Promise<R | undefined> {
    const found = this.#db(table.durability)
      .reader.statement(sqlOf(shapeOf(table)).get)
      .get(key, this.#options.clock.now()) as { row: string } | undefined
    return found && (JSON.parse(found.row) as R)
  }

  async find<R extends object>(table: TableDefinition<R>, query: FindQuery<R>): Promise<Page<R>> {
    return find(this.#db(table.durability).reader, table, query, this.#options.clock.now())
  }

  async apply(changes: readonly RowChange<any>[], upTo?: UpTo): Promise<ApplyResult> {
    if (changes.length > 10_000) throw new RangeError(`one apply makes up to 10,000 changes, not ${changes.length}`)
    const checkpoints = checkpointsOf(upTo)
    const durability = checkpoints[0]?.durability ?? changes[0]?.table.durability
    if (durability === undefined) return { applied: true, counts: [] }
    const moved = checkpoints.map(({ consumer, context, p, from, to }): EncodedCheckpoint => [consumer, context, p, from, to])
    const encoded = changes.map((change) => encodeChange(change, durability))
    const answer = await this.#db(durability).write<ApplyAnswer>(['apply', this.#options.clock.now(), encoded, moved], weightOf(changes))
    switch (answer[0]) {
      case 'applied':
        return { applied: true, counts: answer[1] }
      case 'condition':
        return { applied: false, because: 'condition', failed: answer[1] }
      case 'checkpoint':
        return { applied: false, because: 'checkpoint', stored: answer[1] }
    }
  }

  async checkpoint(consumer: string, context: string, p: number, durability: Durability): Promise<number> {
    const row = this.#db(durability).reader.statement(selectCheckpoint).get(consumer, context, p) as { seq: number } | undefined
    return row?.seq ?? 0
  }

  async drop(table: TableDefinition<any>): Promise<void> {
    const { table: name } = shapeOf(table)
    this.#opened.delete(name)
    // Every page of the table is overwritten: nothing for the main thread.
    await this.#db(table.durability).write(['drop-rows', name], Infinity)
  }

  /** Removes rows that have expired; answers how many. Readers do not see them anyway. */
  async sweep(): Promise<number> {
    let removed = 0
    for (const { shape, db } of this.#opened.values()) {
      if (shape.expires === null) continue
      for (let last = sweepAtOnce; last === sweepAtOnce; removed += last)
        last = await db.write<number>(['sweep', shape, this.#options.clock.now(), sweepAtOnce], sweepAtOnce)
    }
    return removed
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #db(durability: Durability): Db {
    return durability === 'full' ? this.#options.full : this.#options.rebuildable
  }
}
