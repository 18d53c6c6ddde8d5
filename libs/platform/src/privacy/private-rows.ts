/** Rows whose declared personal field is encrypted under its subject's key on the way in and opened on the way out. */
import {
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
} from '../views/rows.js'
import { SubjectErased, type KeyRing } from './key-ring.js'

type Row = Record<string, unknown>
type Table = TableDefinition<any>

const place = (table: Table, key: string): string => `row/${table.name}/${key}`

export class PrivateRows extends Rows {
  constructor(
    private readonly rows: Rows,
    private readonly keys: KeyRing,
  ) {
    super()
  }

  override get afterEvents(): boolean {
    return this.rows.afterEvents
  }

  override get shared(): boolean {
    return this.rows.shared
  }

  open(tables: readonly Table[]): Promise<void> {
    return this.rows.open(tables)
  }

  drop(table: Table): Promise<void> {
    return this.rows.drop(table)
  }

  checkpoint(consumer: string, context: string, p: number, durability: Checkpoint['durability']): Promise<number> {
    return this.rows.checkpoint(consumer, context, p, durability)
  }

  get<R extends object>(table: TableDefinition<R>, key: string): Promise<R | undefined> {
    return this.#get(this.rows, table, key)
  }

  override look(options?: LookOptions): Look {
    const below = this.rows.look(options)
    return { below, get: (table, key) => this.#get(below, table, key) }
  }

  async #get<R extends object>(from: Look, table: TableDefinition<R>, key: string): Promise<R | undefined> {
    const row = await from.get(table, key)
    return row && table.personal ? ((await this.#openRow(table as never, row as Row)) as R) : row
  }

  async find<R extends object>(table: TableDefinition<R>, query: FindQuery<R>): Promise<Page<R>> {
    const page = await this.rows.find(table, query)
    if (!table.personal) return page
    return { ...page, items: (await Promise.all(page.items.map((row) => this.#openRow(table as never, row as Row)))) as R[] }
  }

  async apply(changes: readonly RowChange<any>[], upTo?: UpTo, look?: Look): Promise<ApplyResult> {
    const sealed = changes.some(isPrivate) ? await Promise.all(changes.map((change) => this.#sealChange(change))) : changes
    return this.rows.apply(sealed, upTo, look?.below)
  }

  async #openRow(table: Table, row: Row): Promise<Row> {
    const { field, tenant, subject } = table.personal as NonNullable<Table['personal']>
    const sealed = row[field]
    if (typeof sealed !== 'string') return row
    const [key, text] = JSON.parse(sealed) as [string, string]
    return { ...row, [field]: await this.keys.open(String(row[tenant]), String(row[subject]), place(table, key), text) }
  }

  async #sealChange(change: RowChange<any>): Promise<RowChange<any>> {
    if (change.op === 'once') {
      const then = await Promise.all(change.then.map((next) => this.#sealChange(next as RowChange<any>)))
      const first = await this.#sealRow(change.table, change.key, change.row as Row)
      return { ...change, row: first as never, then: then as never }
    }
    if (change.op === 'patch') return { ...change, set: (await this.#sealRow(change.table, change.key, change.set as Row)) as never }
    if ('row' in change) return { ...change, row: (await this.#sealRow(change.table, change.key, change.row as Row)) as never }
    return change
  }

  /** The row key stands beside the ciphertext, because a reader of an index does not know it otherwise. */
  async #sealRow(table: Table, key: string, row: Row): Promise<Row> {
    if (!table.personal || row[table.personal.field] === undefined) return row
    const { field, tenant, subject } = table.personal
    if (typeof row[tenant] !== 'string' || typeof row[subject] !== 'string') {
      throw new TypeError(`a change of ${table.name}.${field} must name ${tenant} and ${subject}, because they say under whose key it is encrypted`)
    }
    try {
      const text = await this.keys.seal(row[tenant], row[subject], place(table, key), row[field])
      return { ...row, [field]: JSON.stringify([key, text]) }
    } catch (error) {
      // Whoever is erased leaves no personal value behind, not even one that arrives late.
      if (error instanceof SubjectErased) return { ...row, [field]: undefined }
      throw error
    }
  }
}

const isPrivate = (change: RowChange<any>): boolean =>
  change.table.personal !== undefined || (change.op === 'once' && change.then.some((next) => isPrivate(next as RowChange<any>)))
