/** Keeps a small view table in memory, for what is asked on every request. */
import type { RowChange, Rows, TableDefinition } from '../views/rows.js'
import type { Views } from '../views/views.js'

export interface Mirrored<R extends object> {
  readonly view: string
  readonly table: TableDefinition<R>
  /** Index over every row; its first field is the tenant. */
  readonly index: string
  /** Key of a row as the view writes it. */
  keyOf(row: R): string
}

/** Calls back for every row that there is, and again after every change; `undefined` says that the row is gone. */
export const mirror = async <R extends object>(
  source: { readonly rows: Rows; readonly views: Views },
  what: Mirrored<R>,
  change: (key: string, row: R | undefined) => void,
): Promise<void> => {
  let changed: string[] | undefined = []
  const take = async (keys: readonly string[]): Promise<void> => {
    for (const key of keys) change(key, await source.rows.get(what.table, key))
  }
  source.views.onApplied(what.view, (changes) => {
    const keys = changes.filter((one) => one.table.name === what.table.name).map((one) => ('key' in one ? one.key : ''))
    if (changed) changed.push(...keys)
    else if (keys.length > 0) for (const one of changes) tell(one as RowChange)
  })
  const tell = (one: RowChange): void => {
    if (one.table.name !== what.table.name) return
    if (one.op === 'put' || one.op === 'insert') change(one.key, one.row as R)
    else if (one.op === 'remove') change(one.key, undefined)
    else if ('key' in one) void take([one.key])
  }
  let cursor: string | undefined
  do {
    const page = await source.rows.find(what.table, { index: what.index, limit: 1000, cursor })
    for (const row of page.items) change(what.keyOf(row), row)
    cursor = page.next
  } while (cursor)
  // What changed while the pages were read is read once more: the pages may show it from before.
  const late = changed
  changed = undefined
  await take([...new Set(late)])
}
