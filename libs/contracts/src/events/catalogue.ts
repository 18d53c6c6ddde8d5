/** Every event that crosses the bus. A consumer finds the schema of a record by its type. */
import { adminEvents } from './admin.events.js'
import { authorizationEvents } from './authorization.events.js'
import type { AnyEventType } from './define-event.js'
import { identityEvents } from './identity.events.js'
import { profilesEvents, storePurged } from './profiles.events.js'

export const eventCatalogue: ReadonlyMap<string, AnyEventType> = new Map(
  ([...identityEvents, ...adminEvents, ...authorizationEvents, ...profilesEvents, storePurged] as readonly AnyEventType[]).map((event) => [event.type, event]),
)
