/** From a subject's compiled roles and a question to a verdict. No clock, no store, no waiting. */
import type { PositionToken } from '../events/position-token.js'
import type { SubjectAccess } from './access-cache.js'
import type { Grant } from './access.tables.js'
import { tenantsAreTheOperators } from './built-in-roles.js'
import { sourceOf, type CompiledRule } from './compiled-role.js'
import { noFacts, type Facts } from '@pavan/contracts/access/facts.js'

export interface Question {
  /** Id of the user or machine client that wants to do something. */
  readonly subject: string
  readonly action: string
  /** Key of the resource: `orders`. */
  readonly resource: string
  /** One field of it, where rules speak of fields. */
  readonly field?: string
  /** What is known of the very thing; `organization` names the organization that it belongs to. */
  readonly facts?: Facts
}

/** Where the deciding rule stands. Absent parts say that no rule decided, which is a no. */
export interface Verdict {
  readonly allowed: boolean
  /** The rule's own words. */
  readonly reason?: string
  readonly role?: string
  readonly policy?: string
  /** Index of the rule in its policy, or of the privilege in its role. */
  readonly rule?: number
  /** Position of the last change that the verdict takes into account: of the tenant's roles, policies and resources, or of the subject's assignments. */
  readonly policyVersion: PositionToken
}

export interface ConsideredRule {
  readonly role: string
  readonly organization?: string
  readonly policy?: string
  readonly rule: number
  readonly effect: 'allow' | 'deny'
  readonly conditions?: Readonly<Record<string, unknown>>
  readonly fields?: readonly string[]
  readonly reason?: string
  readonly matched: boolean
  /** Why it did not match. */
  readonly because?: 'field' | 'conditions'
}

export interface Explanation extends Verdict {
  readonly grants: readonly Grant[]
  readonly organizations: readonly string[]
  /** The facts that conditions asked for: field → value, `null` when it is missing. */
  readonly facts: Facts
  /** Rules on the action and the resource, in the order in which they were looked at. */
  readonly considered: readonly ConsideredRule[]
}

/** Says whether a guard may rely on what a rule's conditions answer. */
type Reliable = (rule: CompiledRule) => boolean

const always: Reliable = () => true

export const judge = (access: SubjectAccess, question: Question, reliable: Reliable = always): Verdict => {
  const { action, resource, field } = question
  const facts = question.facts ?? noFacts
  let allowing: CompiledRule | undefined
  for (const role of access.roles) {
    for (const rule of role.relevant(action, resource)) {
      if (!rule.inverted && allowing) continue
      if (!rule.matchesField(field)) continue
      const matches = reliable(rule) ? rule.matchesConditions(facts as never) : rule.inverted
      if (!matches) continue
      if (rule.inverted) return verdictOf(access, false, rule)
      allowing = rule
    }
  }
  const { policyVersion } = access
  if (resource === 'tenants' && !access.operator) return { allowed: false, reason: tenantsAreTheOperators.reason, policyVersion }
  return allowing ? verdictOf(access, true, allowing) : { allowed: false, policyVersion }
}

const verdictOf = (access: SubjectAccess, allowed: boolean, rule: CompiledRule): Verdict => {
  const { role, policy, index } = sourceOf(rule)
  const verdict: { -readonly [K in keyof Verdict]: Verdict[K] } = { allowed, role, rule: index, policyVersion: access.policyVersion }
  if (rule.reason !== undefined) verdict.reason = rule.reason
  if (policy !== undefined) verdict.policy = policy
  return verdict
}

export const explain = (access: SubjectAccess, question: Question): Explanation => {
  const facts = question.facts ?? noFacts
  const considered = access.roles.flatMap((role) => role.relevant(question.action, question.resource)).map((rule) => consider(rule, question, facts))
  const used = new Set(considered.flatMap((rule) => Object.keys(rule.conditions ?? {})))
  return {
    ...judge(access, question),
    grants: access.grants,
    organizations: access.subject.organizations,
    facts: Object.fromEntries([...used].map((path) => [path, factAt(facts, path)])),
    considered,
  }
}

const consider = (rule: CompiledRule, question: Question, facts: Facts): ConsideredRule => {
  const { role, organization, policy, index } = sourceOf(rule)
  const because = !rule.matchesField(question.field) ? 'field' : !rule.matchesConditions(facts as never) ? 'conditions' : undefined
  return {
    role,
    ...(organization === undefined ? {} : { organization }),
    ...(policy === undefined ? {} : { policy }),
    rule: index,
    effect: rule.inverted ? 'deny' : 'allow',
    ...(rule.conditions ? { conditions: rule.conditions as Record<string, unknown> } : {}),
    ...(rule.fields ? { fields: rule.fields } : {}),
    ...(rule.reason === undefined ? {} : { reason: rule.reason }),
    matched: because === undefined,
    ...(because ? { because } : {}),
  }
}

const factAt = (facts: unknown, path: string): unknown => {
  let value: unknown = facts
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return null
    value = (value as Record<string, unknown>)[part]
  }
  return value
}
