/** What an `apply` comes to: the changes, played through in memory on the documents that they touch. */
import { isDeepStrictEqual } from 'node:util'
import type { RowChange, TableDefinition } from '@pavan/platform/views/rows.js'
import { idOf } from './ordered-text.js'
import { indexText, imageOf, liveJson, ownOf, setOwn, shapeOf, type Durability, type Image, type JsonRow, type RowDoc, type RowShape } from './row-shape.js'
import { prefixOf } from './row-query.js'

/** JSON text of the fields, and the names of those that are to be absent. */
type Fields = readonly [present: string, missing: readonly string[]]

/** A change as it was handed in: nothing that the caller does to its objects later changes it. */
export type Planned =
  | { readonly op: 'put' | 'insert'; readonly shape: RowShape; readonly key: string; readonly row: string; readonly fresh: boolean }
  | { readonly op: 'patch'; readonly shape: RowShape; readonly key: string; readonly set: Fields; readonly if?: Fields }
  | { readonly op: 'add'; readonly shape: RowShape; readonly key: string; readonly by: string; readonly row: string }
  | { readonly op: 'remove'; readonly shape: RowShape; readonly key: string; readonly if?: Fields }
  | { readonly op: 'remove-all'; readonly shape: RowShape; readonly at: `x${number}`; readonly prefix: string }
  | { readonly op: 'once'; readonly shape: RowShape; readonly key: string; readonly row: string; readonly then: readonly Planned[] }

const fieldsOf = (fields: object): Fields => [JSON.stringify(fields), Object.keys(fields).filter((field) => (fields as JsonRow)[field] === undefined)]

export const planned = (change: RowChange<any>, durability: Durability): Planned => {
  const table = change.table as TableDefinition<any>
  if (table.durability !== durability) throw new TypeError(`table ${table.name} is ${table.durability}: it cannot change in one commit with ${durability} ones`)
  const shape = shapeOf(table)
  switch (change.op) {
    case 'put':
    case 'insert':
      return { op: change.op, shape, key: change.key, row: JSON.stringify(change.row), fresh: change.op === 'insert' || change.fresh === true }
    case 'patch':
      return { op: 'patch', shape, key: change.key, set: fieldsOf(change.set), ...(change.if ? { if: fieldsOf(change.if) } : {}) }
    case 'add':
      return { op: 'add', shape, key: change.key, by: JSON.stringify(change.by), row: JSON.stringify(change.row) }
    case 'remove':
      return { op: 'remove', shape, key: change.key, ...(change.if ? { if: fieldsOf(change.if) } : {}) }
    case 'remove-all': {
      const prefix = prefixOf(table, change.index, change.where)
      if (prefix.length === 0) throw new TypeError(`remove-all on ${table.name} names no field`)
      const { at } = shape.indexes.get(change.index) as { at: `x${number}` }
      return { op: 'remove-all', shape, at, prefix: indexText(prefix.map((field) => (change.where as JsonRow)[field])) }
    }
    case 'once':
      return {
        op: 'once',
        shape,
        key: change.key,
        row: JSON.stringify(change.row),
        then: change.then.map((next) => planned(next as RowChange<any>, durability)),
      }
  }
}

/** One document on the way from what is stored to what shall be. */
export interface Entry {
  readonly shape: RowShape
  readonly key: string
  readonly id: string
  /** As it is stored; absent where no document is. */
  readonly doc: RowDoc | undefined
  /** The row as JSON as it shall be; absent: no row. */
  json: string | undefined
  /** The same, parsed; made when somebody asks. */
  row?: JsonRow | undefined
  changed: boolean
}

/** The documents of one apply, by collection and id. */
export class Overlay {
  readonly #entries = new Map<string, Map<string, Entry>>()

  constructor(private readonly now: number) {}

  add(shape: RowShape, key: string, doc: RowDoc | undefined): void {
    let table = this.#entries.get(shape.collection)
    if (!table) this.#entries.set(shape.collection, (table = new Map()))
    const id = doc?._id ?? idOf(key)
    if (!table.has(id)) table.set(id, { shape, key, id, doc, json: liveJson(doc, this.now), changed: false })
  }

  of(shape: RowShape, key: string): Entry {
    return this.#entries.get(shape.collection)?.get(idOf(key)) as Entry
  }

  all(shape: RowShape): Iterable<Entry> {
    return this.#entries.get(shape.collection)?.values() ?? []
  }

  /** What has to be written. A row that came and went in one apply is nothing. */
  writes(): Entry[] {
    const writes: Entry[] = []
    for (const table of this.#entries.values())
      for (const entry of table.values()) if (entry.changed && (entry.json !== undefined || (entry.doc && !entry.doc.d))) writes.push(entry)
    return writes
  }
}

/** A condition does not hold. */
export const failed = -1

/** Plays changes through; answers the count of each, or the place of the one whose condition does not hold. */
export const play = (overlay: Overlay, changes: readonly Planned[]): { counts: number[] } | { failed: number } => {
  const counts: number[] = []
  for (const change of changes) {
    const count = make(overlay, change)
    if (count === failed) return { failed: counts.length }
    counts.push(count)
  }
  return { counts }
}

const make = (overlay: Overlay, change: Planned): number => {
  switch (change.op) {
    case 'put':
      set(overlay.of(change.shape, change.key), change.row)
      return 1
    case 'insert': {
      const entry = overlay.of(change.shape, change.key)
      if (entry.json !== undefined) return failed
      set(entry, change.row)
      return 1
    }
    case 'patch': {
      const entry = overlay.of(change.shape, change.key)
      const row = rowOf(entry)
      if (change.if && !(row && meets(row, change.if))) return failed
      if (!row) return 0
      const [present, missing] = change.set
      for (const [field, value] of Object.entries(JSON.parse(present) as JsonRow)) setOwn(row, field, value)
      for (const field of missing) delete row[field]
      set(entry, JSON.stringify(row), row)
      return 1
    }
    case 'add': {
      const entry = overlay.of(change.shape, change.key)
      const row = rowOf(entry) ?? (JSON.parse(change.row) as JsonRow)
      for (const [field, value] of Object.entries(JSON.parse(change.by) as Record<string, number>)) {
        const current = ownOf(row, field)
        setOwn(row, field, (typeof current === 'number' ? current : 0) + value)
      }
      set(entry, JSON.stringify(row), row)
      return 1
    }
    case 'remove': {
      const entry = overlay.of(change.shape, change.key)
      const row = rowOf(entry)
      if (change.if && !(row && meets(row, change.if))) return failed
      if (!row) return 0
      set(entry, undefined)
      return 1
    }
    case 'remove-all': {
      let count = 0
      for (const entry of overlay.all(change.shape)) {
        // A row that has expired is removed with the others, but it did not exist: it does not count.
        const text = entry.changed ? entryImage(entry)?.[change.at] : entry.doc?.[change.at]
        if (!text?.startsWith(change.prefix)) continue
        if (entry.json !== undefined) count++
        set(entry, undefined)
      }
      return count
    }
    case 'once': {
      const entry = overlay.of(change.shape, change.key)
      if (entry.json !== undefined) return 0
      set(entry, change.row)
      return change.then.reduce((count, next) => count + Math.max(0, make(overlay, next)), 1)
    }
  }
}

/** What the document of an entry shall say. */
export const entryImage = (entry: Entry): Image | undefined =>
  entry.json === undefined ? undefined : imageOf(entry.shape, entry.key, rowOf(entry) as JsonRow, entry.json)

const set = (entry: Entry, json: string | undefined, row?: JsonRow): void => {
  entry.json = json
  entry.row = row
  entry.changed = true
}

const rowOf = (entry: Entry): JsonRow | undefined => (entry.row ??= entry.json === undefined ? undefined : (JSON.parse(entry.json) as JsonRow))

const meets = (row: JsonRow, [present, missing]: Fields): boolean =>
  Object.entries(JSON.parse(present) as JsonRow).every(([field, value]) => isDeepStrictEqual(ownOf(row, field), value)) &&
  missing.every((field) => ownOf(row, field) === undefined)

/** A document that is named by its key; `fresh`: most likely there is none. */
export interface Named {
  readonly shape: RowShape
  readonly key: string
  readonly fresh: boolean
}

/** Every document that changes name by key. */
export const keysOf = (changes: readonly Planned[]): Named[] =>
  changes.flatMap((change) => {
    if (change.op === 'remove-all') return []
    return [{ shape: change.shape, key: change.key, fresh: 'fresh' in change && change.fresh }, ...(change.op === 'once' ? keysOf(change.then) : [])]
  })

export const removalsOf = (changes: readonly Planned[]): Extract<Planned, { op: 'remove-all' }>[] =>
  changes.flatMap((change) => (change.op === 'remove-all' ? [change] : change.op === 'once' ? removalsOf(change.then) : []))
