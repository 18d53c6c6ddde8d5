/** The authorization API: requests and answers of `/api/v1/authorization`. Times are milliseconds since 1970. */
import { z } from 'zod'
import { accessRules } from '../access/access-rule.js'
import { factsProblem } from '../access/facts.js'
import { quickly } from '../http/quickly.js'
import { pageOf, pageQuery } from '../http/paging.js'

/** Names a resource, role or policy within the tenant; chosen once, never changed. */
export const accessKey = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error: 'must be 1 to 64 letters, digits, dots, hyphens and underscores, and begin with a letter or digit' })
export const subjectId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'is not the id of a user or client' })
const organizationId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'is not the id of an organization' })
/** `manage` stands for every action, as in CASL. */
export const action = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, { error: 'is not an action' })
const name = z.string().trim().min(1).max(120)
const description = z.string().max(1000).optional()
const instant = z.number().int().describe('Milliseconds since 1970')
const version = z.number().int().describe('Version of the resource; also in the ETag')
const recorded = { createdAt: instant, version }

const resourceFields = {
  name,
  /** Resource indicator (RFC 8707) of the API that serves it. */
  indicator: z
    .url()
    .max(512)
    .refine((url) => !url.includes('#'), { error: 'must not have a fragment' })
    .optional(),
  privileges: z
    .array(z.strictObject({ action, description: z.string().max(500).optional() }))
    .max(100)
    .default([]),
}
export const resourceBody = z.strictObject(resourceFields)
export const resourceInput = z.strictObject({ key: accessKey, ...resourceFields })
export const resourceAnswer = z.object({ key: z.string(), ...resourceFields, ...recorded })
export const resourcePage = pageOf(resourceAnswer)

const roleFields = {
  name,
  description,
  privileges: z
    .array(z.strictObject({ resource: accessKey, action }))
    .max(500)
    .default([]),
  policies: z.array(accessKey).max(100).default([]),
}
export const roleBody = z.strictObject(roleFields)
export const roleInput = z.strictObject({ key: accessKey, ...roleFields })
export const roleAnswer = z.object({
  key: z.string(),
  ...roleFields,
  builtIn: z.boolean().describe('Every tenant has it and it cannot be changed'),
  ...recorded,
})
export const rolePage = pageOf(roleAnswer)

const policyFields = { name, description, rules: accessRules }
export const policyBody = z.strictObject(policyFields)
export const policyInput = z.strictObject({ key: accessKey, ...policyFields })
export const policyAnswer = z.object({ key: z.string(), ...policyFields, ...recorded })
export const policyPage = pageOf(policyAnswer)

export const listQuery = pageQuery

export const assignmentInput = z.strictObject({ subject: subjectId, role: accessKey, organization: organizationId.optional() })
/** `subject~role`, with `~organization` where the role counts in one organization only. */
export const assignmentId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}~[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?:~[A-Za-z0-9_-]{1,64})?$/, { error: 'is not the id of an assignment' })
export const assignmentAnswer = z.object({
  id: z.string(),
  subject: z.string(),
  role: z.string(),
  organization: z.string().optional().describe('The role counts in this organization only'),
  assignedAt: instant,
})
export const assignmentPage = pageOf(assignmentAnswer)
export const assignmentQuery = pageQuery
  .extend({ subject: subjectId.optional(), role: accessKey.optional(), organization: organizationId.optional() })
  .refine((query) => [query.subject, query.role, query.organization].filter((one) => one !== undefined).length <= 1, {
    error: 'name one of subject, role and organization',
  })

const facts = z
  .record(z.string().max(100), z.unknown())
  .superRefine((value, context) => {
    const message = factsProblem(value)
    if (message) context.addIssue({ code: 'custom', message })
  })
  .describe('What is known of the very thing, at most 500 values in 6 levels; `organization` is the organization that it belongs to')
export const question = z.strictObject({
  subject: subjectId.describe('The user or machine client that wants to do something'),
  action,
  resource: accessKey,
  field: z.string().min(1).max(100).optional(),
  facts: facts.optional(),
})
const policyVersion = z.string().describe('Position of the last change that the verdict takes into account')
export const verdict = z.object({
  allowed: z.boolean(),
  reason: z.string().optional().describe('The words of the rule that decided'),
  role: z.string().optional().describe('Role that brought the rule; absent when no rule decided, which is a no'),
  policy: z.string().optional().describe('Policy that the rule stands in; absent for a privilege of the role itself'),
  rule: z.number().int().optional().describe('Index of the rule in its policy, or of the privilege in its role'),
  policyVersion,
})
const questionKeys = new Set(['subject', 'action', 'resource', 'field', 'facts'])
const subjectShape = /^[A-Za-z0-9_-]{1,64}$/
const keyShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

const isQuestion = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false
  const { subject, action, resource, field, facts } = value as Record<string, unknown>
  for (const key in value) if (!questionKeys.has(key)) return false
  return (
    typeof subject === 'string' &&
    subjectShape.test(subject) &&
    typeof action === 'string' &&
    keyShape.test(action) &&
    typeof resource === 'string' &&
    keyShape.test(resource) &&
    (field === undefined || (typeof field === 'string' && field.length > 0 && field.length <= 100)) &&
    (facts === undefined || factsProblem(facts) === undefined)
  )
}

/** A thousand questions are looked at one by one; only where one looks odd the schema says what is wrong with it. */
export const questions = quickly(
  z.strictObject({ decisions: z.array(question).min(1).max(1000) }),
  ({ decisions, ...rest }) =>
    Object.keys(rest).length === 0 && Array.isArray(decisions) && decisions.length > 0 && decisions.length <= 1000 && decisions.every(isQuestion),
)
export const verdicts = z.object({
  verdicts: z.array(z.object({ allowed: z.boolean(), reason: z.string().optional() })).describe('In the order of the questions'),
  policyVersion: z
    .string()
    .describe(
      'Position of the last change of roles, policies and resources that the verdicts take into account. They heed assignments, too, which do not move it.',
    ),
})
export const explanation = verdict.extend({
  grants: z.array(z.object({ role: z.string(), organization: z.string().optional() })),
  organizations: z.array(z.string()).describe('Organizations that the subject is a member of'),
  facts: z.record(z.string(), z.unknown()).describe('The facts that conditions asked for; null where they are missing'),
  considered: z.array(
    z.object({
      role: z.string(),
      organization: z.string().optional(),
      policy: z.string().optional(),
      rule: z.number().int(),
      effect: z.enum(['allow', 'deny']),
      conditions: z.record(z.string(), z.unknown()).optional(),
      fields: z.array(z.string()).optional(),
      reason: z.string().optional(),
      matched: z.boolean(),
      because: z.enum(['field', 'conditions']).optional().describe('What did not match'),
    }),
  ),
})
export const subjectRules = z.object({
  subject: z.string(),
  rules: z.array(z.array(z.unknown())).describe('Packed by CASL: unpackRules makes the rules of an ability. Ask it with subject(resource, facts).'),
  policyVersion,
})
