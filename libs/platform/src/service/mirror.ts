/** Keeps a small view table in memory, for what is asked on every request. */
import { setTimeout as pause } from 'node:timers/promises'
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

/** Milliseconds until rows that could not be read are asked for again. */
const againMs = 100

/** Calls back for every row that there is, and again after every change; `undefined` says that the row is gone. */
export const mirror = async <R extends object>(
  source: { readonly rows: Rows; readonly views: Pick<Views, 'watch' | 'closed' | 'log'> },
  what: Mirrored<R>,
  change: (key: string, row: R | undefined) => void,
): Promise<void> => {
  const known = new Set<string>()
  /** By key, the look whose answer counts. A later change, or a later look, takes its place. */
  const looks = new Map<string, symbol>()
  /** Keys that changed while all rows are read. */
  let changed: Set<string> | undefined

  const tell = (key: string, row: R | undefined): void => {
    looks.delete(key)
    if (row) known.add(key)
    else known.delete(key)
    change(key, row)
  }
  const take = async (key: string): Promise<void> => {
    const look = Symbol(key)
    looks.set(key, look)
    const row = await source.rows.get(what.table, key)
    if (looks.get(key) === look) tell(key, row)
  }
  const readAll = async (): Promise<void> => {
    const gone = new Set(known)
    const late = (changed = new Set<string>())
    let cursor: string | undefined
    do {
      const page = await source.rows.find(what.table, { index: what.index, limit: 1000, cursor })
      for (const row of page.items) {
        const key = what.keyOf(row)
        gone.delete(key)
        tell(key, row)
      }
      cursor = page.next
    } while (cursor)
    changed = undefined
    // What changed while the pages were read is read once more: the pages may show it from before.
    await Promise.all([...late, ...gone].map(take))
  }
  /** What is not read now would be wrong until it changes again. */
  const untilRead = async (read: () => Promise<void>): Promise<void> => {
    for (let attempt = 1; !source.views.closed; attempt++) {
      try {
        return await read()
      } catch (error) {
        if (attempt === 1) source.views.log.warn({ view: what.view, error }, 'rows that are kept in memory could not be read; they may be old until they can')
        await pause(againMs, undefined, { ref: false })
      }
    }
  }

  let reading = readAll()
  const readAgain = (): void => {
    reading = reading.catch(() => undefined).then(() => untilRead(readAll))
  }
  const takeChange = (one: RowChange<any>): void => {
    if (one.table.name !== what.table.name) return
    if (!('key' in one)) readAgain()
    else if (changed) changed.add(one.key)
    else if (one.op === 'put' || one.op === 'insert') tell(one.key, one.row as R)
    else if (one.op === 'remove') tell(one.key, undefined)
    else void untilRead(() => take(one.key))
  }
  source.views.watch(what.view, {
    changed: (changes) => {
      for (const one of changes) takeChange(one)
    },
    outdated: readAgain,
  })
  return reading
}
