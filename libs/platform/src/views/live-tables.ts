/** Which generation of a view's tables is read now. Handlers and readers name a table; the physical one changes under them. */
import {
  Rows,
  defineTable,
  type ApplyResult,
  type Checkpoint,
  type FindQuery,
  type Look,
  type LookOptions,
  type Page,
  type RowChange,
  type TableDefinition,
  type UpTo,
} from './rows.js'

/** Points from a view to its live generation: view version × 1,000 + number of the rebuild. */
export interface ViewPointer {
  readonly view: string
  readonly generation: number
}
export const viewPointers = defineTable<ViewPointer>({ name: 'view-pointers', version: 1, durability: 'rebuildable', indexes: {} })

/** By table, then by generation: adapters keep what they work out of a definition by its identity. */
const known = new WeakMap<object, Map<number, TableDefinition<any>>>()

/** Physical table of a generation. */
export const physical = <R extends object>(table: TableDefinition<R>, generation: number): TableDefinition<R> => {
  let generations = known.get(table)
  if (!generations) known.set(table, (generations = new Map()))
  let made = generations.get(generation)
  if (!made) generations.set(generation, (made = { ...table, version: generation }))
  return made as TableDefinition<R>
}

export class LiveTables {
  readonly #generations = new Map<string, number>()

  set(table: TableDefinition<any>, generation: number): void {
    this.#generations.set(table.name, generation)
  }

  of<R extends object>(table: TableDefinition<R>): TableDefinition<R> {
    const generation = this.#generations.get(table.name)
    return generation === undefined ? table : physical(table, generation)
  }
}

/** Maps the tables of every call: to the live generation for readers, to one's own for a view that is being built. */
export class MappedRows extends Rows {
  constructor(
    private readonly rows: Rows,
    private readonly map: <R extends object>(table: TableDefinition<R>) => TableDefinition<R>,
  ) {
    super()
  }

  override get afterEvents(): boolean {
    return this.rows.afterEvents
  }

  override get shared(): boolean {
    return this.rows.shared
  }

  open(tables: readonly TableDefinition<any>[]): Promise<void> {
    return this.rows.open(tables.map((table) => this.map(table)))
  }

  drop(table: TableDefinition<any>): Promise<void> {
    return this.rows.drop(this.map(table))
  }

  get<R extends object>(table: TableDefinition<R>, key: string): Promise<R | undefined> {
    return this.rows.get(this.map(table), key)
  }

  find<R extends object>(table: TableDefinition<R>, query: FindQuery<R>): Promise<Page<R>> {
    return this.rows.find(this.map(table), query)
  }

  checkpoint(consumer: string, context: string, p: number, durability: Checkpoint['durability']): Promise<number> {
    return this.rows.checkpoint(consumer, context, p, durability)
  }

  override look(options?: LookOptions): Look {
    const below = this.rows.look(options)
    return { below, get: (table, key) => below.get(this.map(table), key) }
  }

  apply(changes: readonly RowChange<any>[], upTo?: UpTo, look?: Look): Promise<ApplyResult> {
    return this.rows.apply(
      changes.map((change) => this.#change(change)),
      upTo,
      look?.below,
    )
  }

  #change(change: RowChange<any>): RowChange<any> {
    const table = this.map(change.table)
    return change.op === 'once' ? { ...change, table, then: change.then.map((next) => this.#change(next as never)) as never } : { ...change, table }
  }
}
