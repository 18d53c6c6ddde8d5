/** Queries over declared indexes, as SQL with bound values only. */
import { RefusalError } from '@pavan/kernel'
import type { FindQuery, Page, TableDefinition } from '@pavan/platform/views/rows.js'
import type { Connection } from './connection.js'
import { indexOf, prefixOf, shapeOf } from './row-encoding.js'
import { absent, columnOf, quotedTable, type Column, type JsonRow } from './row-shape.js'

const operators = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

export const find = <R extends object>(on: Connection, table: TableDefinition<R>, query: FindQuery<R>, now: number): Page<R> => {
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > 1_000) throw new RangeError(`a page has 1 to 1,000 rows, not ${query.limit}`)
  const shape = shapeOf(table)
  const fields = indexOf(table, query.index)
  const column = (field: string): string => `c${shape.fields.indexOf(field)}`
  const prefix = prefixOf(table, query.index, query.where ?? {})
  const rest = fields.slice(prefix.length)
  const conditions = ['expires > ?', ...prefix.map((field) => `${column(field)} = ?`)]
  const values: Column[] = [now, ...prefix.map((field) => columnOf((query.where as JsonRow)[field]))]

  if (query.range) {
    const field = rest[0]
    if (field === undefined) throw new TypeError(`index ${query.index} of table ${table.name} has no field left for a range`)
    for (const [condition, value] of rangeOf(column(field), query.range)) {
      conditions.push(condition)
      values.push(value)
    }
  }
  const order = [...rest.map(column), 'key']
  const desc = query.order === 'desc'
  if (query.cursor !== undefined) {
    conditions.push(`(${order.join(', ')}) ${desc ? '<' : '>'} (${order.map(() => '?').join(', ')})`)
    values.push(...decodeCursor(query.cursor, order.length))
  }
  // Every index ends with the key, and equal first fields make no difference to the order, so the index alone gives it.
  const direction = desc ? ' DESC' : ''
  const rows = on
    .statement(
      `SELECT row, ${order.join(', ')} FROM ${quotedTable(shape)} WHERE ${conditions.join(' AND ')}
       ORDER BY ${order.map((name) => name + direction).join(', ')} LIMIT ?`,
    )
    .all(...values, query.limit + 1) as unknown as (Record<string, Column> & { row: string })[]
  const more = rows.length > query.limit
  const page = more ? rows.slice(0, query.limit) : rows
  const items = page.map(({ row }) => JSON.parse(row) as R)
  if (!more) return { items }
  const last = page.at(-1) as Record<string, Column>
  return { items, next: encodeCursor(order.map((name) => last[name] as Column)) }
}

type Range = NonNullable<FindQuery<object>['range']>

/** A range is over values of its own type: numbers before text, and neither meets rows that lack the field. */
const rangeOf = (column: string, range: Range): [condition: string, value: Column][] => {
  const given = Object.entries(operators).flatMap(([name, operator]): [string, Column][] => {
    const value = range[name as keyof Range]
    return value === undefined ? [] : [[`${column} ${operator} ?`, columnOf(value)]]
  })
  const first = given[0]
  if (!first) return []
  return typeof first[1] === 'string' ? [...given, [`${column} >= ?`, '']] : [...given, [`${column} > ?`, absent], [`${column} < ?`, '']]
}

const encodeCursor = (values: readonly Column[]): string =>
  Buffer.from(JSON.stringify(values.map((value) => (value === absent ? null : value)))).toString('base64url')

const decodeCursor = (cursor: string, length: number): Column[] => {
  try {
    const values = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown
    if (Array.isArray(values) && values.length === length) {
      const columns = values.map((value: unknown) => (value === null ? absent : value))
      if (columns.every((value): value is Column => typeof value === 'string' || typeof value === 'number')) return columns
    }
  } catch {
    // Falls through: a cursor that was not made here.
  }
  throw new RefusalError('request.parameter.invalid', { parameter: 'cursor' })
}
