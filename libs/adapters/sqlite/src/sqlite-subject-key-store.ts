/** Data keys of all services of the process, in one file. */
import { SubjectKeyStore, type KeyState, type WrappedKey } from '@pavan/platform/privacy/subject-key-store.js'
import type { Db } from './db.js'
import { keysSchema, selectKey, type KeyRow } from './keys.program.js'

export class SqliteSubjectKeyStore extends SubjectKeyStore {
  readonly #db: Db

  constructor(db: Db) {
    super()
    this.#db = db
    db.prepare(['schema', keysSchema])
  }

  async get(tenant: string, subject: string): Promise<KeyState> {
    return stateOf(tenant, subject, this.#db.reader.statement(selectKey).get(tenant, subject) as KeyRow | undefined)
  }

  async insert({ tenant, subject, wrapped, kek }: WrappedKey): Promise<KeyState> {
    return stateOf(tenant, subject, await this.#db.write<KeyRow>(['insert-key', tenant, subject, wrapped, kek]))
  }

  async destroy(tenant: string, subject: string): Promise<void> {
    await this.#db.write(['destroy-key', tenant, subject])
    // The log still has the page as it was. Emptying it brings the overwritten page into the file and leaves no other copy.
    await this.#db.truncateLog()
  }

  async outdated(kek: string, limit: number): Promise<readonly WrappedKey[]> {
    return this.#db.reader
      .statement('SELECT tenant, subject, wrapped, kek FROM subject_keys WHERE kek IS NOT NULL AND kek <> ? LIMIT ?')
      .all(kek, limit)
      .map((row) => ({ ...row }) as unknown as WrappedKey)
  }

  rewrap(before: WrappedKey, after: WrappedKey): Promise<boolean> {
    return this.#db.write<boolean>(['rewrap-key', before.tenant, before.subject, before.wrapped, before.kek, after.wrapped, after.kek])
  }
}

const stateOf = (tenant: string, subject: string, row: KeyRow | undefined): KeyState => {
  if (!row) return { state: 'unknown' }
  if (row.wrapped === null || row.kek === null) return { state: 'destroyed' }
  return { state: 'present', key: { tenant, subject, wrapped: row.wrapped, kek: row.kek } }
}
