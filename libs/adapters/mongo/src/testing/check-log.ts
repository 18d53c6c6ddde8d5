/**
 * An independent look at the log of a service: reads only its collections, shares no code with what writes them, and says everything that is wrong.
 * For proofs: run it when nobody appends any more, and again when everything had time to be numbered.
 */
import type { mongo } from 'mongoose'

export interface CheckedLog {
  /** Nothing when all is well. */
  readonly faults: readonly string[]
  readonly commits: number
  readonly events: number
  /** Stored commits that are not in the log. */
  readonly unnumbered: number
  /** Partition → sequence number of its last event. */
  readonly heads: ReadonlyMap<number, number>
  /** Each event id in the order of its partition. */
  readonly order: ReadonlyMap<number, readonly string[]>
}

interface Batch {
  readonly _id: string
  readonly p: number
  readonly f: number
  readonly l: number
  readonly c: readonly string[]
  readonly k: readonly number[]
}
interface Commit {
  readonly _id: string
  readonly s: string
  readonly b: number
  readonly n: number
  readonly p: number
  readonly e: string
  readonly c?: string
  readonly q?: number
  readonly x?: boolean
}

export const checkLog = async (db: mongo.Db): Promise<CheckedLog> => {
  const faults: string[] = []
  const commits = new Map<string, Commit>()
  for await (const commit of db.collection<Commit>('commits').find()) if (!commit.x) commits.set(commit._id, commit)
  const batches = await db.collection<Batch>('log').find().toArray()
  batches.sort((a, b) => a.p - b.p || a.f - b.f)

  const heads = new Map<number, number>()
  const order = new Map<number, string[]>()
  const versions = new Map<string, number>()
  const numbered = new Set<string>()
  const ids = new Set<string>()
  let events = 0
  for (const batch of batches) {
    const head = heads.get(batch.p) ?? 0
    if (batch.f !== head + 1) faults.push(`partition ${batch.p}: a batch begins at ${batch.f}, the one before ends at ${head}`)
    if (batch.c.length !== batch.k.length || batch.c.length === 0) faults.push(`batch ${batch._id}: ${batch.c.length} commits, ${batch.k.length} counts`)
    let seq = batch.f - 1
    for (const [i, id] of batch.c.entries()) {
      const commit = commits.get(id)
      seq += batch.k[i] ?? 0
      if (!commit) {
        faults.push(`batch ${batch._id} names a commit that is not stored: ${JSON.stringify(id)}`)
        continue
      }
      if (numbered.has(id)) faults.push(`a commit is numbered twice: ${JSON.stringify(id)}, the second time at ${batch.p}:${seq}`)
      numbered.add(id)
      if (commit.p !== batch.p) faults.push(`a commit of partition ${commit.p} is in the log of ${batch.p}`)
      if (commit.q !== undefined && commit.q !== seq) faults.push(`a commit says that it ends at ${commit.q}, the log says ${seq}`)
      const version = versions.get(commit.s) ?? 0
      if (commit.b !== version) faults.push(`stream ${commit.s}: a commit on version ${commit.b} comes after version ${version}`)
      versions.set(commit.s, commit.n)
      const inside = JSON.parse(commit.e) as { id: string }[]
      if (inside.length !== batch.k[i] || inside.length !== commit.n - commit.b)
        faults.push(`a commit has ${inside.length} events, the log counts ${batch.k[i]}`)
      for (const { id: event } of inside) {
        if (ids.has(event)) faults.push(`an event is stored twice: ${event}`)
        ids.add(event)
        const partition = order.get(batch.p)
        if (partition) partition.push(event)
        else order.set(batch.p, [event])
      }
      events += inside.length
    }
    if (seq !== batch.l) faults.push(`batch ${batch._id} ends at ${batch.l}, its commits end at ${seq}`)
    heads.set(batch.p, batch.l)
  }
  faults.push(...streamFaults([...commits.values()]))
  return { faults, commits: commits.size, events, unnumbered: commits.size - numbered.size, heads, order }
}

/** Versions of each stream are dense, and no command is there twice. */
const streamFaults = (commits: readonly Commit[]): string[] => {
  const faults: string[] = []
  const streams = Map.groupBy(commits, ({ s }) => s)
  for (const [stream, own] of streams) {
    let version = 0
    const commands = new Set<string>()
    for (const commit of own.toSorted((a, b) => a.b - b.b)) {
      if (commit.b !== version) faults.push(`stream ${stream}: version ${version} is followed by a commit on ${commit.b}`)
      version = commit.n
      if (commit.c === undefined) continue
      if (commands.has(commit.c)) faults.push(`stream ${stream}: a command is stored twice`)
      commands.add(commit.c)
    }
  }
  return faults
}
