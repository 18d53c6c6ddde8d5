/** How far the groups of the embedded bus have come that leave it to the bus to remember. The events themselves lie in the stores. */
import type { Connection } from './connection.js'

/** Folders of older versions have a second copy of every event here. */
export const busSchema = `
  DROP TABLE IF EXISTS log;
  DROP TABLE IF EXISTS partitions;
  CREATE TABLE IF NOT EXISTS offsets (
    consumers TEXT NOT NULL, context TEXT NOT NULL, p INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (consumers, context, p)
  ) STRICT, WITHOUT ROWID;
`

/** Remembers what a group has resolved; never goes back. */
export type ResolvedWrite = readonly [program: 'resolved', group: string, context: string, p: number, seq: number]

export const resolved = (on: Connection, args: readonly unknown[]): void => {
  const [, group, context, p, seq] = args as unknown as ResolvedWrite
  on.statement(
    `INSERT INTO offsets (consumers, context, p, seq) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET seq = excluded.seq WHERE excluded.seq > offsets.seq`,
  ).run(group, context, p, seq)
}
