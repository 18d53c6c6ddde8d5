/** Queries over declared indexes: each is a range over one ordered text. */
import { RefusalError } from '@pavan/kernel'
import type { FindQuery, TableDefinition } from '@pavan/platform/views/rows.js'
import { behind, end, separator, typeBounds, valueText } from './ordered-text.js'
import { indexText, shapeOf, type JsonRow } from './row-shape.js'

/** Fields of an index by name, or an error that names the table: a query over an index that is not declared is a bug. */
const indexOf = (table: TableDefinition<any>, index: string): readonly string[] => {
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

export interface IndexRange {
  readonly at: `x${number}`
  /** At or behind this text, and before that one. */
  readonly from: string
  readonly to: string
  /** What equality fixes; the rest of a text is the place in the page. */
  readonly prefix: string
}

/** The part of an index that a query asks for. */
export const rangeOf = <R extends object>(table: TableDefinition<R>, query: FindQuery<R>): IndexRange => {
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > 1_000) throw new RangeError(`a page has 1 to 1,000 rows, not ${query.limit}`)
  const fields = indexOf(table, query.index)
  const names = prefixOf(table, query.index, query.where ?? {})
  const prefix = indexText(names.map((field) => (query.where as JsonRow)[field]))
  const rest = fields.length - names.length
  let [from, to] = ['', end]
  if (query.range) {
    if (rest === 0) throw new TypeError(`index ${query.index} of table ${table.name} has no field left for a range`)
    for (const [name, value] of Object.entries(query.range)) {
      if (value === undefined) continue
      const text = valueText(value)
      // A range is over values of its own type: numbers before text, and neither meets rows that lack the field.
      const [first, last] = typeBounds(value)
      from = latest(from, first, name === 'gt' ? text + behind : name === 'gte' ? text + separator : first)
      to = earliest(to, last, name === 'lt' ? text + separator : name === 'lte' ? text + behind : last)
    }
  }
  if (query.cursor !== undefined) {
    const place = decodeCursor(query.cursor, rest)
    // The text of one row is exactly the place, so the first text behind it is the place and the lowest character.
    if (query.order === 'desc') to = earliest(to, place)
    else from = latest(from, place + separator)
  }
  const { at } = shapeOf(table).indexes.get(query.index) as { at: `x${number}` }
  return { at, from: prefix + from, to: prefix + to, prefix }
}

const latest = (...texts: readonly string[]): string => texts.reduce((a, b) => (a > b ? a : b))
const earliest = (...texts: readonly string[]): string => texts.reduce((a, b) => (a < b ? a : b))

export const encodeCursor = (text: string, { prefix }: IndexRange): string => Buffer.from(JSON.stringify([text.slice(prefix.length)])).toString('base64url')

/** A value of each field, and the key. */
const value = '(?:0|1[0-9a-f]{16}|2[^\\u0001]*)\\u0001'

const decodeCursor = (cursor: string, fields: number): string => {
  try {
    const parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown
    if (
      Array.isArray(parsed) &&
      parsed.length === 1 &&
      typeof parsed[0] === 'string' &&
      new RegExp(`^(?:${value}){${fields}}[^\\u0001]*$`, 's').test(parsed[0])
    )
      return parsed[0]
  } catch {
    // Falls through: a cursor that was not made here.
  }
  throw new RefusalError('request.parameter.invalid', { parameter: 'cursor' })
}
