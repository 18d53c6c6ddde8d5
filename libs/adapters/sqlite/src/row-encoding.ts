/** From declared tables and changes to what the transaction's programs take: text and numbers. */
import type { Checkpoint, RowChange, TableDefinition } from '@pavan/platform/views/rows.js'
import { columnOf, columnsOf, expiryOf, type JsonRow, type RowShape } from './row-shape.js'
import type { EncodedChange, EncodedFields } from './rows.program.js'

const shapes = new WeakMap<object, RowShape>()

export const shapeOf = (table: TableDefinition<any>): RowShape => {
  let shape = shapes.get(table)
  if (shape) return shape
  const fields = [...new Set(Object.values<readonly string[]>(table.indexes).flat())].toSorted()
  shape = {
    table: `t_${table.name}_v${table.version}`,
    fields,
    indexes: Object.fromEntries(Object.entries<readonly string[]>(table.indexes).map(([name, of]) => [name, of.map((field) => fields.indexOf(field))])),
    expires: table.expires ?? null,
  }
  shapes.set(table, shape)
  return shape
}

/** Fields of an index by name, or an error that names the table: a query over an index that is not declared is a bug. */
export const indexOf = (table: TableDefinition<any>, index: string): readonly string[] => {
  const fields: readonly string[] | undefined = Object.hasOwn(table.indexes, index) ? table.indexes[index] : undefined
  if (!fields) throw new TypeError(`table ${table.name} declares no index ${index}`)
  return fields
}

/** The fields of `where` in the order of the index; they must be its first ones. */
export const prefixOf = (table: TableDefinition<any>, index: string, where: object): readonly string[] => {
  const names = Object.keys(where).filter((name) => (where as JsonRow)[name] !== undefined)
  const prefix = indexOf(table, index).slice(0, names.length)
  if (prefix.length !== names.length || !prefix.every((field) => names.includes(field)))
    throw new TypeError(`index ${index} of table ${table.name} does not begin with ${names.join(', ')}`)
  return prefix
}

const encodeFields = (fields: object): EncodedFields => [
  JSON.stringify(fields),
  Object.keys(fields).filter((field) => (fields as JsonRow)[field] === undefined),
]

export const encodeChange = (change: RowChange<any>, durability: Checkpoint['durability']): EncodedChange => {
  const table = change.table as TableDefinition<any>
  if (table.durability !== durability) throw new TypeError(`table ${table.name} is ${table.durability}: it cannot change in one commit with ${durability} ones`)
  const shape = shapeOf(table)
  switch (change.op) {
    case 'put':
    case 'insert':
      return [change.op, shape, change.key, JSON.stringify(change.row), expiryOf(shape, change.row), columnsOf(shape, change.row)]
    case 'patch':
      return ['patch', shape, change.key, encodeFields(change.set), change.if ? encodeFields(change.if) : null]
    case 'add':
      return ['add', shape, change.key, JSON.stringify(change.by), JSON.stringify(change.row)]
    case 'remove':
      return ['remove', shape, change.key, change.if ? encodeFields(change.if) : null]
    case 'remove-all': {
      const prefix = prefixOf(table, change.index, change.where)
      if (prefix.length === 0) throw new TypeError(`remove-all on ${table.name} names no field`)
      const columns = prefix.map((field) => shape.fields.indexOf(field))
      return ['remove-all', shape, columns, prefix.map((field) => columnOf((change.where as JsonRow)[field]))]
    }
    case 'once': {
      const then = change.then.map((next) => encodeChange(next as RowChange<any>, durability))
      return ['once', shape, change.key, JSON.stringify(change.row), expiryOf(shape, change.row), columnsOf(shape, change.row), then]
    }
  }
}

/** Rows that changes touch, roughly. */
export const weightOf = (changes: readonly RowChange<any>[]): number =>
  changes.reduce((sum, change) => sum + 1 + (change.op === 'once' ? change.then.length : change.op === 'remove-all' ? 20 : 0), 0)
