/** One SQLite connection with its prepared statements. Used by the main thread and by the writer thread, so it imports nothing of the product. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'

/** `full`: a commit is on disk when it returns. `rebuildable`: power loss may take the last commits, never their order. */
export type Durability = 'full' | 'rebuildable'

export const inMemory = ':memory:'

export class Connection {
  readonly raw: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(path: string, durability: Durability) {
    this.raw = new DatabaseSync(path, { timeout: 5_000 })
    // secure_delete: what is deleted is overwritten with zeros, so that an erasure leaves nothing in free pages.
    this.raw.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'};
      PRAGMA secure_delete = ON;
      PRAGMA foreign_keys = OFF;
      PRAGMA trusted_schema = OFF;
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA journal_size_limit = 67108864;
    `)
  }

  /** The prepared statement of a text, made once. Texts are a closed set: no value is ever part of one. */
  statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) this.#statements.set(sql, (statement = this.raw.prepare(sql)))
    return statement
  }

  close(): void {
    this.#statements.clear()
    if (this.raw.isOpen) this.raw.close()
  }
}
