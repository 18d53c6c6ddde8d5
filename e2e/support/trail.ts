/** How far what is missing in a view has come: which documents and records name somebody, and where the commits of the events lie in the log. */
import mongoose from 'mongoose'
import type { System } from './system.js'

interface Commit {
  readonly _id: string
  readonly p: number
  /** Partition, while the commit does not say its number. */
  readonly u?: number
  /** Number of the last event, by the commit. */
  readonly q?: number
  readonly e: string
}
interface Batch {
  readonly f: number
  readonly c: readonly string[]
}

/** A line for each place and each commit. Of an embedded system, whose store is one file, the places are all there is. */
export const trail = async (system: System, id: string): Promise<string> => {
  const places = new Map<string, number>()
  const commits: Commit[] = []
  const batches: Batch[] = []
  for await (const { place, bytes } of system.stored()) {
    if (place.endsWith('.log')) batches.push(mongoose.mongo.BSON.deserialize(bytes) as Batch)
    if (!bytes.includes(id)) continue
    places.set(place, (places.get(place) ?? 0) + 1)
    if (place.endsWith('.commits')) commits.push(mongoose.mongo.BSON.deserialize(bytes) as Commit)
  }
  const lines = commits.map(({ _id, p, u, q, e }) => {
    const batch = batches.find(({ c }) => c.includes(_id))
    const types = (JSON.parse(e) as { type: string }[]).map(({ type }) => type).join(' ')
    return `${types}: partition ${p}, number ${q ?? (u === undefined ? 'missing' : 'not written yet')}, ${batch ? `in the batch of the log from ${batch.f}` : 'not in the log'}`
  })
  return [`${id}:`, ...[...places].map(([place, count]) => `${place}: ${count}`).toSorted(), ...lines].join('\n    ')
}
