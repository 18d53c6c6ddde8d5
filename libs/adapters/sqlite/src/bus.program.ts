/** The log of the embedded bus: what was published, by context, partition and sequence number, kept for ever. */
import type { Connection } from './connection.js'

export const busSchema = `
  CREATE TABLE IF NOT EXISTS log (
    context TEXT NOT NULL, p INTEGER NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL,
    PRIMARY KEY (context, p, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS partitions (context TEXT NOT NULL, p INTEGER NOT NULL, PRIMARY KEY (context, p)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS offsets (
    consumers TEXT NOT NULL, context TEXT NOT NULL, p INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (consumers, context, p)
  ) STRICT, WITHOUT ROWID;
`

/** Context, partition, sequence number and text of each record, one after the other. */
export type PublishWrite = readonly [program: 'publish', records: readonly (string | number)[]]

export const publish = (on: Connection, args: readonly unknown[]): void => {
  const [, records] = args as unknown as PublishWrite
  const insert = on.statement('INSERT INTO log (context, p, seq, event) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')
  let known = ''
  for (let i = 0; i < records.length; i += 4) {
    const [context, p, seq, event] = records.slice(i, i + 4) as [string, number, number, string]
    insert.run(context, p, seq, event)
    if (known === `${p}/${context}`) continue
    known = `${p}/${context}`
    on.statement('INSERT INTO partitions (context, p) VALUES (?, ?) ON CONFLICT DO NOTHING').run(context, p)
  }
}

/** Remembers what a group has resolved; never goes back. */
export type ResolvedWrite = readonly [program: 'resolved', group: string, context: string, p: number, seq: number]

export const resolved = (on: Connection, args: readonly unknown[]): void => {
  const [, group, context, p, seq] = args as unknown as ResolvedWrite
  on.statement(
    `INSERT INTO offsets (consumers, context, p, seq) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET seq = excluded.seq WHERE excluded.seq > offsets.seq`,
  ).run(group, context, p, seq)
}
