/** How a table of rows lies in SQLite: the row as JSON text beside one column for each indexed field. */

export interface RowShape {
  /** Name of the SQLite table. */
  readonly table: string
  /** Indexed fields in a fixed order; field i lies in column `c<i>`. */
  readonly fields: readonly string[]
  /** Column numbers of each index, by name. */
  readonly indexes: Readonly<Record<string, readonly number[]>>
  readonly expires: string | null
}

export type Column = string | number

/** Stands for a field that a row does not have: sorts before every other value, and unlike NULL it can be compared. */
export const absent = Number.NEGATIVE_INFINITY
/** Stands for "does not expire". */
export const never = Number.MAX_SAFE_INTEGER

export type JsonRow = Record<string, unknown>

const own = (row: JsonRow, field: string): unknown => (Object.hasOwn(row, field) ? row[field] : undefined)

export const columnOf = (value: unknown): Column => {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
      return value
    case 'boolean':
      return value ? 1 : 0
    default:
      return absent
  }
}

export const columnsOf = (shape: RowShape, row: JsonRow): Column[] => shape.fields.map((field) => columnOf(own(row, field)))

export const expiryOf = (shape: RowShape, row: JsonRow): number => {
  const at = shape.expires === null ? undefined : own(row, shape.expires)
  return typeof at === 'number' ? Math.min(Math.floor(at), never) : never
}

/** Sets an own field whatever its name: assigning `__proto__` would change the prototype instead. */
export const setOwn = (row: JsonRow, field: string, value: unknown): void => {
  if (field === '__proto__') Object.defineProperty(row, field, { value, enumerable: true, configurable: true, writable: true })
  else row[field] = value
}

export const getOwn = own

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Statement texts of one table. */
export interface RowSql {
  readonly create: string
  readonly get: string
  readonly put: string
  readonly insert: string
  readonly update: string
  /** Where no indexed field changes: the indexes are left alone. */
  readonly rewrite: string
  readonly remove: string
  readonly sweep: string
}

const texts = new Map<string, RowSql>()

export const sqlOf = (shape: RowShape): RowSql => {
  const id = `${shape.table}/${shape.fields.length}/${shape.expires !== null}`
  let made = texts.get(id)
  if (!made) texts.set(id, (made = make(shape)))
  return made
}

const make = (shape: RowShape): RowSql => {
  const table = quoted(shape.table)
  const columns = shape.fields.map((_, i) => `c${i}`)
  const all = ['key', 'row', 'expires', ...columns]
  const values = all.map(() => '?').join(', ')
  const set = ['row', 'expires', ...columns]
  const overwrite = set.map((column) => `${column} = excluded.${column}`).join(', ')
  const into = `INSERT INTO ${table} (${all.join(', ')}) VALUES (${values}) ON CONFLICT (key) DO`
  return {
    create: `CREATE TABLE IF NOT EXISTS ${table} (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, row TEXT NOT NULL, expires INTEGER NOT NULL
      ${columns.map((column) => `, ${column} ANY NOT NULL`).join('')}
    ) STRICT;`,
    get: `SELECT row FROM ${table} WHERE key = ? AND expires > ?`,
    put: `${into} UPDATE SET ${overwrite}`,
    // A row that has expired does not exist: an insert replaces it.
    insert: `${into} UPDATE SET ${overwrite} WHERE ${table}.expires <= ?`,
    update: `UPDATE ${table} SET ${set.map((column) => `${column} = ?`).join(', ')} WHERE key = ?`,
    rewrite: `UPDATE ${table} SET row = ? WHERE key = ?`,
    remove: `DELETE FROM ${table} WHERE key = ? AND expires > ?`,
    sweep: `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE expires <= ? LIMIT ?)`,
  }
}

export const indexSql = (shape: RowShape): string[] => {
  const table = quoted(shape.table)
  const made = Object.entries(shape.indexes).map(
    ([name, columns]) => `CREATE INDEX IF NOT EXISTS ${quoted(`${shape.table}.${name}`)} ON ${table} (${[...columns.map((i) => `c${i}`), 'key'].join(', ')});`,
  )
  if (shape.expires !== null) made.push(`CREATE INDEX IF NOT EXISTS ${quoted(`${shape.table}:expires`)} ON ${table} (expires) WHERE expires < ${never};`)
  return made
}

export const dropSql = (shape: Pick<RowShape, 'table'>): string => `DROP TABLE IF EXISTS ${quoted(shape.table)};`
export const quotedTable = (shape: Pick<RowShape, 'table'>): string => quoted(shape.table)
