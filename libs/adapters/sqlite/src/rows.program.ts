/** Changes of rows, with their conditions, and the checkpoint of the consumer in the same transaction. */
import { isDeepStrictEqual } from 'node:util'
import type { Connection } from './connection.js'
import { columnsOf, dropSql, expiryOf, getOwn, indexSql, quotedTable, setOwn, sqlOf, type Column, type JsonRow, type RowShape } from './row-shape.js'

export const rowsSchema = `
  CREATE TABLE IF NOT EXISTS checkpoints (
    consumer TEXT NOT NULL, context TEXT NOT NULL, p INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (consumer, context, p)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS shapes (name TEXT PRIMARY KEY, shape TEXT NOT NULL) STRICT, WITHOUT ROWID;
`

/** JSON text of the fields, and the names of those that are to be absent. */
export type EncodedFields = readonly [present: string, missing: readonly string[]]

export type EncodedChange =
  | readonly [op: 'put' | 'insert', shape: RowShape, key: string, row: string, expires: number, columns: readonly Column[]]
  | readonly [op: 'patch', shape: RowShape, key: string, set: EncodedFields, condition: EncodedFields | null]
  | readonly [op: 'add', shape: RowShape, key: string, by: string, row: string]
  | readonly [op: 'remove', shape: RowShape, key: string, condition: EncodedFields | null]
  | readonly [op: 'remove-all', shape: RowShape, columns: readonly number[], values: readonly Column[]]
  | readonly [op: 'once', shape: RowShape, key: string, row: string, expires: number, columns: readonly Column[], then: readonly EncodedChange[]]

export type EncodedCheckpoint = readonly [consumer: string, context: string, p: number, from: number, to: number]

export type ApplyWrite = readonly [program: 'apply', now: number, changes: readonly EncodedChange[], checkpoints: readonly EncodedCheckpoint[]]

export type ApplyAnswer = readonly ['applied', readonly number[]] | readonly ['condition', failed: number] | readonly ['checkpoint', stored: number]

/** A condition does not hold. */
const failed = -1

export const selectCheckpoint = 'SELECT seq FROM checkpoints WHERE consumer = ? AND context = ? AND p = ?'

export const apply = (on: Connection, args: readonly unknown[]): ApplyAnswer => {
  const [, now, changes, checkpoints] = args as unknown as ApplyWrite
  for (const [consumer, context, p, from] of checkpoints) {
    const row = on.statement(selectCheckpoint).get(consumer, context, p) as { seq: number } | undefined
    const stored = row?.seq ?? 0
    if (stored !== from) return ['checkpoint', stored]
  }
  // Only a change that fails after another one has been made needs something to go back to.
  const undoable = changes.some((change, i) => i > 0 && conditional(change))
  if (undoable) on.statement('SAVEPOINT changes').run()
  const counts = new Array<number>(changes.length)
  for (let i = 0; i < changes.length; i++) {
    const count = make(on, now, changes[i] as EncodedChange)
    if (count === failed) {
      if (undoable) {
        on.statement('ROLLBACK TO changes').run()
        on.statement('RELEASE changes').run()
      }
      return ['condition', i]
    }
    counts[i] = count
  }
  if (undoable) on.statement('RELEASE changes').run()
  for (const [consumer, context, p, , to] of checkpoints) {
    on.statement('INSERT INTO checkpoints (consumer, context, p, seq) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq').run(
      consumer,
      context,
      p,
      to,
    )
  }
  return ['applied', counts]
}

const conditional = (change: EncodedChange): boolean =>
  change[0] === 'insert' || (change[0] === 'patch' && change[4] !== null) || (change[0] === 'remove' && change[3] !== null)

const make = (on: Connection, now: number, change: EncodedChange): number => {
  switch (change[0]) {
    case 'put': {
      const [, shape, key, row, expires, columns] = change
      on.statement(sqlOf(shape).put).run(key, row, expires, ...columns)
      return 1
    }
    case 'insert': {
      const [, shape, key, row, expires, columns] = change
      return on.statement(sqlOf(shape).insert).run(key, row, expires, ...columns, now).changes === 1 ? 1 : failed
    }
    case 'patch': {
      const [, shape, key, [set, gone], condition] = change
      const row = load(on, shape, key, now)
      if (condition && !(row && meets(row, condition))) return failed
      if (!row) return 0
      const before = indexed(shape, row)
      for (const [field, value] of Object.entries(JSON.parse(set) as JsonRow)) setOwn(row, field, value)
      for (const field of gone) delete row[field]
      store(on, shape, key, row, before)
      return 1
    }
    case 'add': {
      const [, shape, key, by, initial] = change
      const row = load(on, shape, key, now)
      const next = row ?? (JSON.parse(initial) as JsonRow)
      const before = indexed(shape, next)
      for (const [field, value] of Object.entries(JSON.parse(by) as Record<string, number>)) {
        const current = getOwn(next, field)
        setOwn(next, field, (typeof current === 'number' ? current : 0) + value)
      }
      if (row) store(on, shape, key, next, before)
      else on.statement(sqlOf(shape).put).run(key, JSON.stringify(next), expiryOf(shape, next), ...columnsOf(shape, next))
      return 1
    }
    case 'remove': {
      const [, shape, key, condition] = change
      if (condition) {
        const row = load(on, shape, key, now)
        if (!row || !meets(row, condition)) return failed
      }
      return Number(on.statement(sqlOf(shape).remove).run(key, now).changes)
    }
    case 'remove-all': {
      const [, shape, columns, values] = change
      const where = columns.map((i) => `c${i} = ?`).join(' AND ')
      return Number(on.statement(`DELETE FROM ${quotedTable(shape)} WHERE ${where}`).run(...values).changes)
    }
    case 'once': {
      const [, shape, key, row, expires, columns, then] = change
      if (on.statement(sqlOf(shape).insert).run(key, row, expires, ...columns, now).changes !== 1) return 0
      return then.reduce((count, next) => count + Math.max(0, make(on, now, next)), 1)
    }
  }
}

const load = (on: Connection, shape: RowShape, key: string, now: number): JsonRow | undefined => {
  const found = on.statement(sqlOf(shape).get).get(key, now) as { row: string } | undefined
  return found && (JSON.parse(found.row) as JsonRow)
}

/** What a row has in indexes. */
const indexed = (shape: RowShape, row: JsonRow): readonly Column[] => [expiryOf(shape, row), ...columnsOf(shape, row)]

/** Each index that an update names is written, whether its entry changes or not. */
const store = (on: Connection, shape: RowShape, key: string, row: JsonRow, before: readonly Column[]): void => {
  const after = indexed(shape, row)
  if (after.every((value, i) => value === before[i])) on.statement(sqlOf(shape).rewrite).run(JSON.stringify(row), key)
  else on.statement(sqlOf(shape).update).run(JSON.stringify(row), ...after, key)
}

const meets = (row: JsonRow, [present, missing]: EncodedFields): boolean =>
  Object.entries(JSON.parse(present) as JsonRow).every(([field, value]) => isDeepStrictEqual(getOwn(row, field), value)) &&
  missing.every((field) => getOwn(row, field) === undefined)

/** Makes a table, or brings an existing one to a new set of indexes. */
export const defineRows = (on: Connection, args: readonly unknown[]): void => {
  const [, shape] = args as unknown as readonly ['define-rows', RowShape]
  const stored = on.statement('SELECT shape FROM shapes WHERE name = ?').get(shape.table) as { shape: string } | undefined
  const text = JSON.stringify(shape)
  if (stored?.shape === text) return
  const rows = stored ? on.statement(`SELECT key, row FROM ${quotedTable(shape)} ORDER BY id`).all() : []
  if (stored) on.raw.exec(dropSql(shape))
  on.raw.exec(sqlOf(shape).create)
  for (const { key, row } of rows as unknown as { key: string; row: string }[]) {
    const parsed = JSON.parse(row) as JsonRow
    on.statement(sqlOf(shape).put).run(key, row, expiryOf(shape, parsed), ...columnsOf(shape, parsed))
  }
  on.raw.exec(indexSql(shape).join('\n'))
  on.statement('INSERT INTO shapes (name, shape) VALUES (?, ?) ON CONFLICT DO UPDATE SET shape = excluded.shape').run(shape.table, text)
}

export const dropRows = (on: Connection, args: readonly unknown[]): void => {
  const [, table] = args as unknown as readonly ['drop-rows', string]
  on.raw.exec(dropSql({ table }))
  on.statement('DELETE FROM shapes WHERE name = ?').run(table)
}

/** Removes some rows that have expired; answers how many. */
export const sweep = (on: Connection, args: readonly unknown[]): number => {
  const [, shape, now, limit] = args as unknown as readonly ['sweep', RowShape, number, number]
  return Number(on.statement(sqlOf(shape).sweep).run(now, limit).changes)
}
