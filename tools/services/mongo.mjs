// A server of the MongoDB protocol without Docker, on 127.0.0.1.
import { startDocumentdb } from './mongo-documentdb.mjs'
import { startMongoJava } from './mongo-java.mjs'

/**
 * `kind` 'java' starts within a second and lives in memory (`durable: true` keeps an H2 file over an orderly restart, not over a kill);
 * 'documentdb' is FerretDB on PostgreSQL: what it acknowledged survives a kill. Each call is a server of its own.
 * @param {{ kind?: 'java' | 'documentdb', durable?: boolean, say?: (line: string) => void }} [options]
 */
export const startMongo = ({ kind = 'java', durable = false, say = console.error } = {}) =>
  kind === 'documentdb' ? startDocumentdb({ say }) : startMongoJava({ durable, say })
