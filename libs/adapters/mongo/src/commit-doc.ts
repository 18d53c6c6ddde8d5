/** How a commit lies in MongoDB: one document with all its events, unique by stream and the version that it was decided on. */
import { createHash } from 'node:crypto'
import { streamName, type StreamId } from '@pavan/kernel'
import type { NewEvent, StoredEvent } from '@pavan/platform/events/event-store.js'
import { idOf, separator } from './ordered-text.js'

/** A stream on its way: its JSON name for documents, its key for ids, its partition. */
export interface StreamRef {
  readonly stream: StreamId
  readonly name: string
  readonly key: string
  readonly p: number
}

export interface CommitDoc {
  /** Key of the stream and `b`. */
  readonly _id: string
  /** Tenant, category and id as JSON. */
  readonly s: string
  /** Version of the stream before. */
  readonly b: number
  /** Version of the stream after. */
  readonly n: number
  /** `b` of the commit before it; -1 for the first one. */
  readonly f: number
  /** Partition. */
  readonly p: number
  /** Events as JSON: their names and values are data, whatever characters they have. */
  readonly e: string
  /** The attempt that wrote it. */
  readonly a: string
  /** Command. */
  readonly c?: string
  /** The partition as well, while it is not known that the commit is in the log. */
  readonly u?: number
  /** Sequence number of its last event; a copy of what the log says. */
  readonly q?: number
  /** Not a commit: keeps the place from the attempts `d`, which lost their reservations. The commit of any other attempt takes it over. */
  readonly x?: true
  readonly d?: readonly string[]
}

/** What the sequencer needs of a commit. */
export type CommitRef = Pick<CommitDoc, '_id' | 'b' | 'n' | 'f' | 'p'>

/** Everything but the events. */
export const withoutEvents = { e: 0 } as const

export const streamRef = (stream: StreamId, partitions: number): StreamRef => {
  // A slash in tenant or category would let two streams share a name.
  if (stream.tenant.includes('/') || stream.category.includes('/')) throw new TypeError('tenant and category of a stream have no slash')
  const name = streamName(stream)
  return { stream, name: JSON.stringify([stream.tenant, stream.category, stream.id]), key: idOf(name), p: partitionOf(name, partitions) }
}

export const streamOf = (name: string): StreamId => {
  const [tenant, category, id] = JSON.parse(name) as [string, string, string]
  return { tenant, category, id }
}

/** Must never change: the order of a stream holds within its partition only. */
const partitionOf = (name: string, partitions: number): number => createHash('sha256').update(name).digest().readUInt32BE() % partitions

export const commitId = (key: string, base: number): string => key + separator + String(base).padStart(12, '0')

/** The commit before it on its stream. */
export const predecessorOf = ({ _id, f }: CommitRef): string | undefined => (f < 0 ? undefined : commitId(_id.slice(0, _id.lastIndexOf(separator)), f))

/** All commits of a stream. */
export const commitsOf = (key: string) => ({ _id: { $gte: key + separator, $lt: `${key}\u0002` }, x: { $exists: false } })

/** The events of a commit whose last one has the sequence number given. */
export const eventsOf = (doc: CommitDoc, last: number, context: string): StoredEvent[] => {
  const events = JSON.parse(doc.e) as NewEvent[]
  const stream = streamOf(doc.s)
  const before = events.length - 1
  return events.map((event, i) => ({ ...event, context, stream, version: doc.n - before + i, position: { p: doc.p, seq: last - before + i } }))
}
