/** Pure steps from an older schema of an event to the next one. Stored events are never rewritten; readers only see the newest shape. */
import { eventCatalogue } from '@pavan/contracts'
import { RefusalError } from '@pavan/kernel'
import type { StoredEvent } from './event-store.js'

export type Upcaster = (event: StoredEvent) => StoredEvent

/** `type@schema` → the step to the next schema. Empty until a schema changes for the first time. */
export const upcasters: Readonly<Record<string, Upcaster>> = {}

/**
 * An event that newer code wrote, in a schema that this code does not know. What it says is not guessed: a stream of a view or reaction waits for
 * the newer code, a command is refused until another copy takes it.
 */
export class NewerSchema extends RefusalError {
  constructor({ type, schema }: Pick<StoredEvent, 'type' | 'schema'>) {
    super('service.unavailable')
    this.name = 'NewerSchema'
    this.message = `${type} has schema ${schema}, which newer code writes`
  }
}

/** Whether this code knows the schema of an event. A type that it does not know at all concerns none of its handlers. */
export const isKnown = ({ type, schema }: Pick<StoredEvent, 'type' | 'schema'>): boolean => schema <= (eventCatalogue.get(type)?.schema ?? schema)

/** The event in the newest schema of its type. Throws `NewerSchema` for one that is newer still. */
export const upcast = (event: StoredEvent, steps: Readonly<Record<string, Upcaster>> = upcasters): StoredEvent => {
  if (!isKnown(event)) throw new NewerSchema(event)
  let current = event
  for (let step = steps[`${current.type}@${current.schema}`]; step; step = steps[`${current.type}@${current.schema}`]) {
    current = { ...step(current), schema: current.schema + 1 }
  }
  return current
}
