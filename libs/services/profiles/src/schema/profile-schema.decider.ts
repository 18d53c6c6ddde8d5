/** Which attributes the profiles of a tenant have: one document, replaced as a whole. */
import { refuse, type Decider } from '@pavan/kernel'
import { profileSchemaSet, type EventOf } from '@pavan/contracts'
import type { AttributeDefinition } from '@pavan/contracts/profiles/attribute.js'
import { defaultProfileSchema } from '@pavan/contracts/profiles/default-schema.js'

export interface SchemaCommand {
  readonly type: 'set'
  readonly attributes: readonly AttributeDefinition[]
}
export type SchemaEvent = EventOf<typeof profileSchemaSet>

export interface SchemaState {
  readonly attributes: readonly AttributeDefinition[]
  /** Type of every key there ever was: profiles may still hold values of it. */
  readonly types: Readonly<Record<string, AttributeDefinition['type']>>
}

const typesOf = (attributes: readonly AttributeDefinition[]) => Object.fromEntries(attributes.map(({ key, type }) => [key, type]))

export const profileSchema: Decider<SchemaCommand, SchemaEvent, SchemaState> = {
  category: 'profile-schema',
  initial: { attributes: defaultProfileSchema, types: typesOf(defaultProfileSchema) },

  decide({ attributes }, state) {
    const changed = attributes.find(({ key, type }) => Object.hasOwn(state.types, key) && state.types[key] !== type)
    if (changed) return refuse('profiles.schema.type-fixed', { attribute: changed.key })
    if (JSON.stringify(attributes) === JSON.stringify(state.attributes)) return []
    return [profileSchemaSet.of({ data: { attributes: attributes as never } })]
  },

  evolve(state, event) {
    const attributes = event.data.attributes as unknown as readonly AttributeDefinition[]
    return { attributes, types: { ...state.types, ...typesOf(attributes) } }
  },
}
