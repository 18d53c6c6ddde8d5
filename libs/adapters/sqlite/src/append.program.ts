/** One commit of one stream. */
import type { Connection } from './connection.js'

/**
 * A commit is one row, so an append writes one row whatever its number of events. `seq` and `version` are those of its last event.
 * Claims hold a keyed hash: the file never contains the value.
 */
export const storeSchema = `
  CREATE TABLE IF NOT EXISTS commits (
    seq INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    command TEXT,
    events TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS commits_stream ON commits (stream, version);
  CREATE UNIQUE INDEX IF NOT EXISTS commits_command ON commits (stream, command) WHERE command IS NOT NULL;
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
  const [, stream, expected, count, command, events, claims] = args as unknown as AppendWrite
  const last = on.statement('SELECT version FROM commits WHERE stream = ? ORDER BY version DESC LIMIT 1').get(stream) as { version: number } | undefined
  const actual = last?.version ?? 0
  if (last && command !== null) {
    const first = on.statement('SELECT version, seq FROM commits WHERE stream = ? AND command = ?').get(stream, command) as
      | { version: number; seq: number }
      | undefined
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
  const { seq: before } = on.statement('SELECT coalesce(max(seq), 0) AS seq FROM commits').get() as { seq: number }
  const seq = before + count
  const version = expected + count
  on.statement('INSERT INTO commits (seq, stream, version, command, events) VALUES (?, ?, ?, ?, ?)').run(seq, stream, version, command, events)
  return ['appended', version, seq]
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
