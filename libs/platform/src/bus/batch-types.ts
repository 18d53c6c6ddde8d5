/** The types of the events of a batch. Most batches of a busy system hold one type, and most consumers do not want it: they are asked once. */
import type { StoredEvent } from '../events/event-store.js'

const known = new WeakMap<readonly StoredEvent[], ReadonlySet<string>>()

/** Computed once for all consumers that a bus hands the same array. */
export const typesOf = (events: readonly StoredEvent[]): ReadonlySet<string> => {
  let types = known.get(events)
  if (!types) {
    const found = new Set<string>()
    let last: string | undefined
    for (const { type } of events) if (type !== last) found.add((last = type))
    known.set(events, (types = found))
  }
  return types
}
