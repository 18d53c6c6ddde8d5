import { z } from 'zod'
import { clientSettings, tenantSettings } from '../admin/settings.js'
import { defineEvent } from './define-event.js'

const id = z.string().max(64)
const name = z.string().min(1).max(120)
const slug = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/)

export const tenantCreated = defineEvent('tenant.created', 'A tenant exists: an issuer with people and applications of its own.', {
  data: z.object({ slug, name }),
})
export const tenantRenamed = defineEvent('tenant.renamed', 'A tenant has another display name.', { data: z.object({ name }) })
export const tenantSettingsSet = defineEvent('tenant.settings-set', 'The whole settings document of a tenant, as it is from now on.', {
  data: z.object({ settings: tenantSettings }),
})

export const organizationCreated = defineEvent('organization.created', 'A tenant has a further organization.', {
  data: z.object({ name, slug }),
})
export const organizationRenamed = defineEvent('organization.renamed', 'An organization has another display name.', {
  data: z.object({ name }),
})
export const organizationDeleted = defineEvent('organization.deleted', 'An organization and its memberships are gone.', {
  data: z.object({}),
})
export const memberAdded = defineEvent('organization.member-added', 'A person belongs to an organization.', {
  data: z.object({ user: id }),
})
export const memberRemoved = defineEvent('organization.member-removed', 'A person belongs to an organization no more.', {
  data: z.object({ user: id }),
})

export const applicationCreated = defineEvent('application.created', 'An application groups the clients through which it is used.', {
  data: z.object({ name, description: z.string().max(1000).optional() }),
})
export const applicationUpdated = defineEvent('application.updated', 'An application has other texts.', {
  data: z.object({ name, description: z.string().max(1000).optional() }),
})
export const applicationDeleted = defineEvent('application.deleted', 'An application is gone.', { data: z.object({}) })

export const clientRegistered = defineEvent('client.registered', 'An OAuth client may ask for tokens.', {
  data: z.object({
    application: id,
    settings: clientSettings,
    /** Roles that the client has from the start, such as `administrator` for the one that a new tenant begins with. */
    roles: z.array(z.string().max(128)).max(20).optional(),
  }),
})
export const clientUpdated = defineEvent('client.updated', 'The whole settings of a client, as they are from now on.', {
  data: z.object({ application: id, settings: clientSettings }),
})
export const clientDeleted = defineEvent('client.deleted', 'A client may ask for tokens no more.', { data: z.object({ application: id }) })

export const adminEvents = [
  tenantCreated,
  tenantRenamed,
  tenantSettingsSet,
  organizationCreated,
  organizationRenamed,
  organizationDeleted,
  memberAdded,
  memberRemoved,
  applicationCreated,
  applicationUpdated,
  applicationDeleted,
  clientRegistered,
  clientUpdated,
  clientDeleted,
] as const
