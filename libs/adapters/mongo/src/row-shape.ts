/** How a table of rows lies in MongoDB: the row as JSON text, one ordered text for each declared index, and what the protocol of changes needs. */
import type { Checkpoint, TableDefinition } from '@pavan/platform/views/rows.js'
import { defineTable } from '@pavan/platform/views/rows.js'
import type { mongo } from 'mongoose'
import { orderedText, separator, valueText } from './ordered-text.js'

export type JsonRow = Record<string, unknown>
export type Durability = Checkpoint['durability']

export interface RowShape {
  readonly collection: string
  readonly durability: Durability
  /** Index name → its field in the document (`x0`, `x1`, …) and the fields of the row. */
  readonly indexes: ReadonlyMap<string, { readonly at: `x${number}`; readonly fields: readonly string[] }>
  readonly expires: string | undefined
}

/** What a document says of its row. */
export interface Image {
  /** The row as JSON: names and values of rows are data, whatever characters they have. */
  readonly r: string
  /** Milliseconds since 1970 after which the row, or the mark of a removed one, does not count; absent where nothing expires. */
  readonly e?: number
  readonly [index: `x${number}`]: string
}

/** A document of a table. Fields beside the image say who wrote it last and who is about to change it. */
export interface RowDoc extends Partial<Image> {
  readonly _id: string
  /** Id of the last write. Every write is conditional on the one before it. */
  readonly v: string
  /** Ids of earlier writes, newest first: a writer whose answer was lost finds its own. */
  readonly w?: readonly string[]
  /** The change of several documents that holds this one. */
  readonly l?: string
  /** Where that is decided: collection and id of its root. */
  readonly o?: readonly [collection: string, id: string]
  /** What it will say if that change is committed. */
  readonly n?: Image
  /** It begins to exist with that change. */
  readonly b?: true
  /** It ends with that change. */
  readonly g?: true
  /** Removed: only a mark, so that a late repetition of a write finds what became of it. */
  readonly d?: true
  /** The change of several documents that was decided by writing this one. */
  readonly p?: Decided
  /** The change that it begins with, where that is decided without a lock: see row-epochs.ts. */
  readonly s?: string
  /** Of a checkpoint: how far the changes with new rows have got. */
  readonly q?: Reached
  /** Of a checkpoint: how far those of former epochs had got. */
  readonly z?: readonly Ended[]
}

/** How far the writer of a checkpoint has got: the number of its epoch, that of its last change with new rows, and the collections of those. */
export interface Reached {
  readonly e: number
  readonly k: number
  readonly c: readonly string[]
}

/** An epoch that is over, and since when (milliseconds since 1970). */
export interface Ended extends Reached {
  readonly at: number
}

/** What a write leaves in the document that decides a change. */
export interface Mark {
  readonly p?: Decided
  readonly q?: Reached
  readonly z?: readonly Ended[]
}

/** A change of several documents that has happened: its id, and the collections of the others. */
export interface Decided {
  readonly i: string
  readonly c: readonly string[]
}

const shapes = new WeakMap<object, RowShape>()

export const shapeOf = (table: TableDefinition<any>): RowShape => {
  let shape = shapes.get(table)
  if (shape) return shape
  const names = Object.keys(table.indexes).toSorted()
  if (names.length > mostIndexes) throw new TypeError(`table ${table.name} declares more than ${mostIndexes} indexes`)
  shape = {
    collection: `t_${table.name}_v${table.version}`,
    durability: table.durability,
    indexes: new Map(names.map((name, i) => [name, { at: `x${i}`, fields: table.indexes[name] as readonly string[] }])),
    expires: table.expires,
  }
  shapes.set(table, shape)
  return shape
}

/** Checkpoints are rows like others, so that they change with them. */
export const checkpoints = defineTable<{ seq: number }>({ name: 'checkpoints', version: 1, durability: 'full', indexes: {} })

export const mongoIndexes = (shape: RowShape): mongo.IndexDescription[] => [
  ...[...shape.indexes.values()].map(({ at }) => ({ key: { [at]: 1 as const }, name: at })),
  { key: { e: 1 }, name: 'e', sparse: true },
  { key: { l: 1 }, name: 'l', sparse: true },
  { key: { s: 1 }, name: 's', sparse: true },
]

export const ownOf = (row: JsonRow, field: string): unknown => (Object.hasOwn(row, field) ? row[field] : undefined)

/** Sets an own field whatever its name: assigning `__proto__` would change the prototype instead. */
export const setOwn = (row: JsonRow, field: string, value: unknown): void => {
  if (field === '__proto__') Object.defineProperty(row, field, { value, enumerable: true, configurable: true, writable: true })
  else row[field] = value
}

export const imageOf = (shape: RowShape, key: string, row: JsonRow, json = JSON.stringify(row)): Image => {
  const image: { r: string; e?: number; [index: `x${number}`]: string } = { r: json }
  const at = shape.expires === undefined ? undefined : ownOf(row, shape.expires)
  if (typeof at === 'number') image.e = Math.floor(at)
  for (const { at, fields } of shape.indexes.values()) image[at] = indexText(fields.map((field) => ownOf(row, field))) + orderedText(key)
  return image
}

/** Values of an index one after the other, each closed by the separator. */
export const indexText = (values: readonly unknown[]): string => values.map((value) => valueText(value) + separator).join('')

/** The row of a document at a time, as JSON; nothing when it does not exist then. */
export const liveJson = (doc: RowDoc | undefined | null, now: number): string | undefined =>
  doc && !doc.d && !doc.b && doc.r !== undefined && (doc.e === undefined || doc.e > now) ? doc.r : undefined

/** The smallest change that makes a document that was read into an image: what stays as it is costs nothing. Its lock goes, and what it decided before. */
export const changeTo = (doc: RowDoc, image: Image, v: string, mark: Mark = {}) => {
  const same = (field: string): boolean => (doc as unknown as Record<string, unknown>)[field] === (image as unknown as Record<string, unknown>)[field]
  const $set = { ...Object.fromEntries(Object.entries(image).filter(([field]) => !same(field))), v, w: writersOf(doc), ...mark }
  const $unset: Record<string, ''> = { l: '', o: '', s: '' }
  if (doc.p && !mark.p) $unset.p = ''
  if (doc.n) $unset.n = ''
  if (doc.d) $unset.d = ''
  if (doc.e !== undefined && image.e === undefined) $unset.e = ''
  return { $set, $unset }
}

/** Who wrote a document before its next write. A writer whose answer was lost looks within moments: few are enough. */
export const writersOf = ({ v, w = [] }: RowDoc): string[] => [v, ...w].slice(0, 7)

/** How long the mark of a removed row stays, in milliseconds: longer than a command can be on its way. */
const markMs = 600_000
const mostIndexes = 16

/** What the removal of rows leaves: a mark without content, so that a late repetition of an earlier write does not bring a row back. */
export const removal = (v: string, now: number) => ({
  $set: { d: true as const, e: now + markMs, v },
  $unset: Object.fromEntries(
    ['r', 'l', 'o', 'n', 'g', 'p', 's', ...Array.from({ length: mostIndexes }, (_, i) => `x${i}`)].map((field) => [field, '' as const]),
  ),
})

export const markOf = (doc: RowDoc, v: string, now: number, p?: Decided) => {
  const { $set, $unset } = removal(v, now)
  if (!p) return { $set: { ...$set, w: writersOf(doc) }, $unset }
  const { p: _, ...others } = $unset
  return { $set: { ...$set, w: writersOf(doc), p }, $unset: others }
}
