/** The embedded technology: event store, rows, bus and subject keys on SQLite. */
export { sqliteAdapters, type SqliteAdapters, type SqliteAdaptersOptions } from './sqlite-adapters.js'
