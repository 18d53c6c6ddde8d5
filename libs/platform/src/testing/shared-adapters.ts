/** Embedded ports that several copies of a service use together, as they would use those of a distributed store. */
import { Rows, type ApplyResult, type Checkpoint, type FindQuery, type Page, type RowChange, type TableDefinition, type UpTo } from '../views/rows.js'
import type { Adapters } from '../service/adapters.js'

class SharedRows extends Rows {
  constructor(private readonly rows: Rows) {
    super()
  }

  override get shared(): boolean {
    return true
  }

  open(tables: readonly TableDefinition<any>[]): Promise<void> {
    return this.rows.open(tables)
  }

  get<R extends object>(table: TableDefinition<R>, key: string): Promise<R | undefined> {
    return this.rows.get(table, key)
  }

  find<R extends object>(table: TableDefinition<R>, query: FindQuery<R>): Promise<Page<R>> {
    return this.rows.find(table, query)
  }

  apply(changes: readonly RowChange<any>[], upTo?: UpTo): Promise<ApplyResult> {
    return this.rows.apply(changes, upTo)
  }

  checkpoint(consumer: string, context: string, p: number, durability: Checkpoint['durability']): Promise<number> {
    return this.rows.checkpoint(consumer, context, p, durability)
  }

  drop(table: TableDefinition<any>): Promise<void> {
    return this.rows.drop(table)
  }
}

/** The bus hands batches to the copies in turn. Whoever made the adapters closes them. */
export const sharedAdapters = (adapters: Adapters): Adapters => ({
  name: 'shared',
  portsFor: async (service) => {
    const ports = await adapters.portsFor(service)
    return { ...ports, rows: new SharedRows(ports.rows) }
  },
  close: async () => {},
})
