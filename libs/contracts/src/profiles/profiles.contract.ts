/** The API of profiles: requests and answers of `/api/v1/profiles`. Times are milliseconds since 1970. */
import { z } from 'zod'
import { pageOf, pageQuery } from '../http/paging.js'
import { attributeDefinition } from './attribute.js'

const instant = z.number().int().describe('Milliseconds since 1970')
const version = z.number().int().describe('Version of the resource; also in the ETag')

/** Ids in paths: whatever does not have the shape cannot exist. */
export const profileUser = z.string().regex(/^usr_[0-9a-hjkmnp-tv-z]{26}$/, { error: 'is not the id of a user' })
export const erasureParam = z.string().regex(/^era_[0-9a-hjkmnp-tv-z]{26}$/, { error: 'is not the id of an erasure' })

export const schemaInput = z.strictObject({
  attributes: z
    .array(attributeDefinition)
    .max(100)
    .refine((attributes) => new Set(attributes.map(({ key }) => key)).size === attributes.length, { error: 'must not repeat a key' }),
})
export const schemaAnswer = z.object({ attributes: z.array(attributeDefinition), version })

/** JSON merge patch (RFC 7396) of the attributes: `null` removes one. What a value may be says the schema of the tenant. */
export const profilePatch = z.strictObject({
  attributes: z
    .record(z.string().min(1).max(64), z.unknown())
    .refine((attributes) => Object.keys(attributes).length <= 100, { error: 'must not have more than 100 attributes' }),
})
export const profile = z.object({
  user: z.string(),
  email: z.string().optional(),
  emailVerified: z.boolean(),
  attributes: z.record(z.string(), z.unknown()),
  missing: z.array(z.string()).describe('Required attributes without a value'),
  createdAt: instant.optional(),
  version,
})
export type ProfileAnswer = z.output<typeof profile>

export const profileSummary = z.object({
  user: z.string(),
  email: z.string().optional(),
  emailVerified: z.boolean(),
  name: z.string().optional(),
  createdAt: instant,
})
export const profilePage = pageOf(profileSummary)
export const profileQuery = pageQuery.extend({
  query: z.string().trim().min(2).max(200).optional().describe('Beginning of words of the name, of the e-mail address or of the phone number'),
})

const happened = z.object({
  at: instant,
  what: z.string().describe('Type of the event'),
  actor: z.string().optional(),
  address: z.string().optional(),
  device: z.string().optional(),
  details: z.record(z.string(), z.unknown()),
})
export const subjectExport = z.object({
  user: z.string(),
  exportedAt: instant,
  profile,
  account: z.array(happened),
  sessions: z.array(happened),
  signIns: z.array(happened),
  consents: z.array(happened),
  roles: z.array(happened),
  organizations: z.array(happened),
  lookedAt: z.array(happened).describe('Who was handed this data, this time included'),
})
export type SubjectExport = z.output<typeof subjectExport>

export const erasure = z.object({
  id: z.string(),
  user: z.string(),
  phase: z.enum(['requested', 'erased', 'completed']),
  requestedAt: instant,
  erasedAt: instant.optional(),
  completedAt: instant.optional(),
  stores: z.array(z.object({ store: z.string(), removed: z.number().int(), residue: z.number().int(), reportedAt: instant })),
  receipt: z.string().optional().describe('JWS in compact form (RFC 7515), once the erasure is completed'),
})
export type ErasureAnswer = z.output<typeof erasure>
export const erasurePage = pageOf(erasure.omit({ stores: true, receipt: true }))
export const erasureQuery = pageQuery
/** JWK Set (RFC 7517). */
export const receiptKeys = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })
