/** Pure steps from an older schema of an event to the next one. Stored events are never rewritten; readers only see the newest shape. */
import type { StoredEvent } from './event-store.js'

export type Upcaster = (event: StoredEvent) => StoredEvent

/** `type@schema` → the step to the next schema. Empty until a schema changes for the first time. */
export const upcasters: Readonly<Record<string, Upcaster>> = {}

/** The event in the newest schema of its type. */
export const upcast = (event: StoredEvent, steps: Readonly<Record<string, Upcaster>> = upcasters): StoredEvent => {
  let current = event
  for (let step = steps[`${current.type}@${current.schema}`]; step; step = steps[`${current.type}@${current.schema}`]) {
    current = { ...step(current), schema: current.schema + 1 }
  }
  return current
}
