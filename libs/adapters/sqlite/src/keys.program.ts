/** Wrapped data keys. A destroyed key is overwritten with zeros, then absent; its row stays as a mark, so that the subject never gets another. */
import type { Connection } from './connection.js'

export const keysSchema = `
  CREATE TABLE IF NOT EXISTS subject_keys (
    tenant TEXT NOT NULL, subject TEXT NOT NULL, wrapped BLOB, kek TEXT,
    PRIMARY KEY (tenant, subject)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS subject_keys_kek ON subject_keys (kek) WHERE kek IS NOT NULL;
`

export interface KeyRow {
  readonly wrapped: Uint8Array | null
  readonly kek: string | null
}

export const selectKey = 'SELECT wrapped, kek FROM subject_keys WHERE tenant = ? AND subject = ?'

export type InsertKeyWrite = readonly [program: 'insert-key', tenant: string, subject: string, wrapped: Uint8Array, kek: string]

/** Answers what is stored now. */
export const insertKey = (on: Connection, args: readonly unknown[]): KeyRow => {
  const [, tenant, subject, wrapped, kek] = args as unknown as InsertKeyWrite
  on.statement('INSERT INTO subject_keys (tenant, subject, wrapped, kek) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING').run(tenant, subject, wrapped, kek)
  return on.statement(selectKey).get(tenant, subject) as unknown as KeyRow
}

export type DestroyKeyWrite = readonly [program: 'destroy-key', tenant: string, subject: string]

export const destroyKey = (on: Connection, args: readonly unknown[]): void => {
  const [, tenant, subject] = args as unknown as DestroyKeyWrite
  on.statement('UPDATE subject_keys SET wrapped = zeroblob(length(wrapped)) WHERE tenant = ? AND subject = ? AND wrapped IS NOT NULL').run(tenant, subject)
  on.statement('INSERT INTO subject_keys (tenant, subject) VALUES (?, ?) ON CONFLICT DO UPDATE SET wrapped = NULL, kek = NULL').run(tenant, subject)
}

export type RewrapKeyWrite = readonly [
  program: 'rewrap-key',
  tenant: string,
  subject: string,
  before: Uint8Array,
  kekBefore: string,
  after: Uint8Array,
  kekAfter: string,
]

export const rewrapKey = (on: Connection, args: readonly unknown[]): boolean => {
  const [, tenant, subject, before, kekBefore, after, kekAfter] = args as unknown as RewrapKeyWrite
  const { changes } = on
    .statement('UPDATE subject_keys SET wrapped = ?, kek = ? WHERE tenant = ? AND subject = ? AND wrapped = ? AND kek = ?')
    .run(after, kekAfter, tenant, subject, before, kekBefore)
  return changes === 1
}
