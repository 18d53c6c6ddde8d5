import { z } from 'zod'
import { accessRules } from '../access/access-rule.js'
import { defineEvent } from './define-event.js'

const id = z.string().max(64)
const key = z.string().min(1).max(128)
const privilege = z.strictObject({ action: z.string().min(1).max(64), description: z.string().max(500).optional() })

/** The stream's id is the resource's key: `orders`. */
export const resourceDefined = defineEvent('resource.defined', 'A kind of thing that can be protected, and what can be done with it.', {
  data: z.object({
    key,
    name: z.string().max(120),
    /** Resource indicator (RFC 8707) of the API that serves it; becomes the `aud` of access tokens. */
    indicator: z.string().max(512).optional(),
    privileges: z.array(privilege).max(100),
  }),
})
export const resourceDeleted = defineEvent('resource.deleted', 'A resource is protected no more; every rule on it falls silent.', {
  data: z.object({ key }),
})
export const roleDefined = defineEvent('role.defined', 'A role and the privileges and policies that it carries, as they are from now on.', {
  data: z.object({
    key,
    name: z.string().max(120),
    description: z.string().max(1000).optional(),
    /** `resource:action` pairs, allowed without condition. */
    privileges: z.array(z.strictObject({ resource: key, action: z.string().min(1).max(64) })).max(500),
    /** Keys of policies whose rules come with the role. */
    policies: z.array(key).max(100),
  }),
})
export const roleDeleted = defineEvent('role.deleted', 'A role is gone, and with it every assignment.', { data: z.object({ key }) })
export const policySet = defineEvent('policy.set', 'A policy and its CASL rules, as they are from now on.', {
  data: z.object({ key, name: z.string().max(120), description: z.string().max(1000).optional(), rules: accessRules }),
})
export const policyDeleted = defineEvent('policy.deleted', 'A policy is gone from every role.', { data: z.object({ key }) })
/** The stream is the subject: a user or a machine client. */
export const roleAssigned = defineEvent('role.assigned', 'A subject has a role, in the tenant or in one organization.', {
  data: z.object({ assignee: id, role: key, organization: id.optional() }),
})
export const roleUnassigned = defineEvent('role.unassigned', 'A subject has a role no more.', {
  data: z.object({ assignee: id, role: key, organization: id.optional() }),
})

export const authorizationEvents = [resourceDefined, resourceDeleted, roleDefined, roleDeleted, policySet, policyDeleted, roleAssigned, roleUnassigned] as const
