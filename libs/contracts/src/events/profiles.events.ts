import { z } from 'zod'
import { defineEvent } from './define-event.js'

const id = z.string().max(64)

export const profileSchemaSet = defineEvent('profile-schema.set', 'What a profile of the tenant may hold, as it is from now on.', {
  data: z.object({ attributes: z.array(z.record(z.string(), z.unknown())).max(200) }),
})
export const profileChanged = defineEvent('profile.changed', 'Attributes of a person have other values.', {
  /** Names only: the values are personal. */
  data: z.object({ user: id, attributes: z.array(z.string().max(64)).max(200) }),
  /** Attribute → new value; `null` removes it. */
  personal: z.object({ values: z.record(z.string().max(64), z.unknown()) }),
})
export const subjectExported = defineEvent('subject.exported', 'The data of a person was handed out.', {
  data: z.object({ user: id }),
})
/**
 * The key of the person is destroyed before this event is written: from here on nothing personal of them can be read.
 * Every service answers with `store.purged` for each store that it keeps.
 */
export const subjectErased = defineEvent('subject.erased', 'A person is erased; every store forgets what it still holds.', {
  data: z.object({ user: id, erasure: id }),
})
export const erasureCompleted = defineEvent('erasure.completed', 'Every store reported; the signed receipt can be fetched.', {
  data: z.object({ user: id, erasure: id, stores: z.array(z.string().max(100)).max(200) }),
})
/** The stream belongs to the installation: everybody can check a receipt, also a person who is no longer known here. */
export const receiptKeyCreated = defineEvent('receipt-key.created', 'A key pair signs the receipts of erasures from now on.', {
  data: z.object({ kid: id, jwk: z.record(z.string().max(32), z.unknown()) }),
  secret: z.object({ jwk: z.record(z.string().max(32), z.unknown()) }),
})
/** Written by each service in its own context. */
export const storePurged = defineEvent('store.purged', 'A store removed its rows of an erased person and found no residue.', {
  data: z.object({ user: id, erasure: id, store: z.string().max(100), removed: z.number().int(), residue: z.number().int() }),
})

export const profilesEvents = [profileSchemaSet, profileChanged, subjectExported, subjectErased, erasureCompleted, receiptKeyCreated] as const
