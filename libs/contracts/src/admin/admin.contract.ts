/** The administration API: requests and answers of `/api/v1/admin`. Times are milliseconds since 1970. */
import { z } from 'zod'
import { pageOf, pageQuery } from '../http/paging.js'
import { clientIssues } from './client-rules.js'
import { clientSettings, tenantSettings, type ClientSettings } from './settings.js'

const name = z.string().trim().min(1).max(120)
const description = z.string().max(1000).optional()
/** DNS label without upper case, up to 40 characters. */
export const slug = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, { error: 'must be 1 to 40 lower-case letters, digits and inner hyphens' })
/** Ids in paths: whatever does not have the shape cannot exist. */
export const idParam = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'is not an id' })
export const versionParam = z.coerce.number().int().min(1).max(1_000_000_000)
const instant = z.number().int().describe('Milliseconds since 1970')
const version = z.number().int().describe('Version of the resource; also in the ETag')

export const tenantInput = z.strictObject({ slug, name })
export const tenantRename = z.strictObject({ name })
export const tenant = z.object({ id: z.string(), slug: z.string(), name: z.string(), createdAt: instant, version })
export type TenantAnswer = z.output<typeof tenant>
export const createdTenant = tenant.extend({
  application: z.string().describe('Id of the application that holds the management client'),
  managementClient: z.string().describe('Id of the machine client with the role administrator; ask identity for its first secret'),
})
export const tenantPage = pageOf(tenant)
export const tenantQuery = pageQuery

export const settingsInput = tenantSettings.superRefine((settings, context) => {
  const { languages, lifetimes } = settings
  if (!languages.offered.includes(languages.default))
    context.addIssue({ code: 'custom', path: ['languages', 'default'], message: 'must be one of the languages offered' })
  if (new Set(languages.offered).size !== languages.offered.length)
    context.addIssue({ code: 'custom', path: ['languages', 'offered'], message: 'must not repeat a language' })
  if (lifetimes.sessionIdleSeconds > lifetimes.sessionSeconds) {
    context.addIssue({ code: 'custom', path: ['lifetimes', 'sessionIdleSeconds'], message: 'must not be longer than sessionSeconds' })
  }
})
export const settingsAnswer = z.object({ settings: tenantSettings, version })
export const settingsChange = z.object({
  version,
  at: instant,
  actor: z.object({ type: z.enum(['user', 'client', 'system', 'anonymous']), id: z.string() }),
  client: z.string().optional(),
  reason: z.string().optional(),
  changed: z.array(z.object({ pointer: z.string().describe('JSON pointer (RFC 6901)'), from: z.unknown().optional(), to: z.unknown().optional() })),
})
export const settingsHistory = pageOf(settingsChange)

export const organizationInput = z.strictObject({ name, slug })
export const organizationRename = z.strictObject({ name })
export const organization = z.object({ id: z.string(), slug: z.string(), name: z.string(), members: z.number().int(), createdAt: instant, version })
export type OrganizationAnswer = z.output<typeof organization>
export const organizationPage = pageOf(organization)
export const userParam = z.string().regex(/^usr_[0-9a-hjkmnp-tv-z]{26}$/, { error: 'is not the id of a user' })
export const memberInput = z.strictObject({ user: userParam })
export const member = z.object({ user: z.string(), addedAt: instant })
export const memberPage = pageOf(member)

export const applicationInput = z.strictObject({ name, description })
export const application = z.object({ id: z.string(), name: z.string(), description: z.string().optional(), createdAt: instant, version })
export type ApplicationAnswer = z.output<typeof application>
export const applicationPage = pageOf(application)

/** Settings that pass the rules of their kind. */
export const checkedClientSettings = clientSettings.superRefine((settings: ClientSettings, context) => {
  for (const { path, message } of clientIssues(settings)) context.addIssue({ code: 'custom', path: [...path], message })
})
export const clientInput = z.strictObject({ application: idParam, settings: checkedClientSettings })
export const clientReplacement = z.strictObject({ settings: checkedClientSettings })
export const client = z.object({ id: z.string(), application: z.string(), settings: clientSettings, createdAt: instant, version })
export type ClientAnswer = z.output<typeof client>
export const clientPage = pageOf(client)
export const clientQuery = pageQuery.extend({ application: idParam.optional() })
