/** Which services write an event type: its topics. */
import { adminEvents } from './admin.events.js'
import { authorizationEvents } from './authorization.events.js'
import { identityEvents } from './identity.events.js'
import { profilesEvents, storePurged } from './profiles.events.js'

export const contexts = ['identity', 'admin', 'authorization', 'profiles', 'audit', 'analytics', 'gateway'] as const
export type Context = (typeof contexts)[number]

const writers: ReadonlyMap<string, readonly Context[]> = new Map<string, readonly Context[]>([
  ...identityEvents.map((event) => [event.type, ['identity']] as const),
  ...adminEvents.map((event) => [event.type, ['admin']] as const),
  ...authorizationEvents.map((event) => [event.type, ['authorization']] as const),
  ...profilesEvents.map((event) => [event.type, ['profiles']] as const),
  [storePurged.type, contexts],
])

/** Contexts that write events of this type; throws for a type that is not in the catalogue. */
export const contextsOf = (type: string): readonly Context[] => {
  const found = writers.get(type)
  if (!found) throw new Error(`no service writes the event ${type}: add it to the catalogue`)
  return found
}
