/** One commit of one stream. */
import type { Connection } from './connection.js'

/**
 * A commit is one row, so an append writes one row whatever its number of events. `seq` and `version` are those of its last event,
 * `base` is the version of the stream before it, so two commits on one version cannot both be there. The command of the first commit of a stream is found through its place, only later ones
 * are in the index of commands: most streams have one commit, and each index that a commit touches is another page to write and sync.
 * Claims hold a keyed hash: the file never contains the value.
 */
export const storeSchema = `
  CREATE TABLE IF NOT EXISTS commits (
    seq INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    base INTEGER NOT NULL,
    command TEXT,
    events TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS commits_stream ON commits (stream, base);
  CREATE UNIQUE INDEX IF NOT EXISTS commits_command ON commits (stream, command) WHERE base > 0 AND command IS NOT NULL;
  CREATE TABLE IF NOT EXISTS claims (hash TEXT PRIMARY KEY, stream TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS claims_stream ON claims (stream);
`

/** Hash and name of a claim, or nothing but the word. */
export type EncodedClaim = readonly ['take' | 'release', hash: string, name: string] | readonly ['release-all']

export type AppendWrite = readonly [
  program: 'append',
  stream: string,
  expected: number,
  count: number,
  command: string | null,
  events: string,
  claims: readonly EncodedClaim[] | null,
]

export type AppendAnswer =
  | readonly [outcome: 'appended' | 'repeated', version: number, seq: number]
  | readonly [outcome: 'conflict', actual: number]
  | readonly [outcome: 'taken', name: string]

export const append = (on: Connection, args: readonly unknown[]): AppendAnswer => {
  const [, stream, expected, count, command, , claims] = args as unknown as AppendWrite
  // A new stream without claims needs no look before the leap: if it is not new, the index says so and nothing is written.
  if (expected === 0 && !claims) {
    const seq = insert(on, args as unknown as AppendWrite)
    if (seq !== undefined) return ['appended', count, seq]
  }
  const last = on.statement('SELECT version FROM commits WHERE stream = ? ORDER BY base DESC LIMIT 1').get(stream) as { version: number } | undefined
  const actual = last?.version ?? 0
  if (last && command !== null) {
    const first = seen(on, stream, command)
    if (first) return ['repeated', first.version, first.seq]
  }
  if (actual !== expected) return ['conflict', actual]
  if (claims) {
    const taken = claims.find((claim) => {
      if (claim[0] !== 'take') return false
      const owner = on.statement('SELECT stream FROM claims WHERE hash = ?').get(claim[1]) as { stream: string } | undefined
      return owner !== undefined && owner.stream !== stream
    })
    if (taken) return ['taken', taken[2] as string]
    for (const claim of claims) change(on, stream, claim)
  }
  const seq = insert(on, args as unknown as AppendWrite) as number
  return ['appended', expected + count, seq]
}

/** Answers the sequence number of the commit, or nothing when another commit on the same version is there. */
const insert = (on: Connection, [, stream, expected, count, command, events]: AppendWrite): number | undefined => {
  const { changes, lastInsertRowid } = on
    .statement(
      `INSERT INTO commits (seq, stream, version, base, command, events)
       VALUES ((SELECT coalesce(max(seq), 0) FROM commits) + ?, ?, ?, ?, ?, ?) ON CONFLICT (stream, base) DO NOTHING`,
    )
    .run(count, stream, expected + count, expected, command, events)
  return changes === 1 ? Number(lastInsertRowid) : undefined
}

interface Seen {
  readonly version: number
  readonly seq: number
}

/** The commit that a command has made on a stream. */
const seen = (on: Connection, stream: string, command: string): Seen | undefined => {
  const later = 'SELECT version, seq FROM commits WHERE stream = ? AND command = ? AND base > 0'
  const found = on.statement(later).get(stream, command) as Seen | undefined
  if (found) return found
  const first = on.statement('SELECT version, seq, command FROM commits WHERE stream = ? AND base = 0').get(stream) as unknown as Seen & {
    command: string | null
  }
  return first.command === command ? first : undefined
}

const change = (on: Connection, stream: string, claim: EncodedClaim): void => {
  switch (claim[0]) {
    case 'take':
      on.statement('INSERT INTO claims (hash, stream) VALUES (?, ?) ON CONFLICT DO NOTHING').run(claim[1], stream)
      return
    case 'release':
      on.statement('DELETE FROM claims WHERE hash = ? AND stream = ?').run(claim[1], stream)
      return
    case 'release-all':
      on.statement('DELETE FROM claims WHERE stream = ?').run(stream)
  }
}
