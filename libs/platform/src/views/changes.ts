/** Builders of row changes, typed by their table. What a view's handler returns. */
import type { RecordedEvent } from '@pavan/kernel'
import type { RowChange, TableDefinition } from './rows.js'

type Any = RowChange<any>
type Scalar = string | number | boolean

export const put = <R extends object>(table: TableDefinition<R>, key: string, row: R, { fresh = false } = {}): Any =>
  ({ op: 'put', table, key, row, ...(fresh ? { fresh } : {}) }) as unknown as Any

/** Refused with everything beside it when the key exists. */
export const insert = <R extends object>(table: TableDefinition<R>, key: string, row: R): Any => ({ op: 'insert', table, key, row }) as unknown as Any

/** Sets fields of an existing row; with `when`, only if its fields have these values (else everything beside it is refused too). */
export const patch = <R extends object>(table: TableDefinition<R>, key: string, set: Partial<R>, when?: Partial<R>): Any =>
  ({ op: 'patch', table, key, set, ...(when ? { if: when } : {}) }) as unknown as Any

/** Adds to numbers of a row that is made with `row` when missing. */
export const add = <R extends object>(table: TableDefinition<R>, key: string, by: Partial<Record<keyof R & string, number>>, row: R): Any =>
  ({ op: 'add', table, key, by, row }) as unknown as Any

export const remove = <R extends object>(table: TableDefinition<R>, key: string, when?: Partial<R>): Any =>
  ({ op: 'remove', table, key, ...(when ? { if: when } : {}) }) as unknown as Any

export const removeAll = <R extends object>(table: TableDefinition<R>, index: string, where: Partial<Record<keyof R & string, Scalar>>): Any =>
  ({ op: 'remove-all', table, index, where }) as unknown as Any

/** Makes further changes only the first time that a key is seen: how distinct things are counted. */
export const once = <R extends object>(table: TableDefinition<R>, key: string, row: R, then: readonly Any[]): Any =>
  ({ op: 'once', table, key, row, then }) as unknown as Any

/** Key of the row of an event's aggregate: tenant and id. */
export const rowKey = (event: Pick<RecordedEvent, 'stream'>): string => keyOf(event.stream.tenant, event.stream.id)

/** A key of several parts. The tenant comes first, so that equal ids of two tenants are two rows. */
export const keyOf = (tenant: string, ...parts: readonly (string | number)[]): string => [tenant, ...parts].join('/')
