/**
 * May this subject do that? The one engine behind the guards of the product, its decision API and the rules that travel to SDKs and browsers.
 *
 * A subject's rules are those of its roles. Deny rules win over allow rules whatever their order; without a rule that allows, the answer is no.
 * The rules are CASL's (https://casl.js.org): `can` on the packed rules gives the same verdict as `decide` here.
 */
import { packRules, type PackRule } from '@casl/ability/extra'
import type { RawRuleOf, MongoAbility } from '@casl/ability'
import type { PositionToken } from '../events/position-token.js'
import type { Rows } from '../views/rows.js'
import type { Views } from '../views/views.js'
import { AccessCache, type SubjectAccess } from './access-cache.js'
import { tenantsAreTheOperators } from './built-in-roles.js'
import { sourceOf, type CompiledRule, type SourcedRule } from './compiled-role.js'
import { noFacts, type Facts } from '@pavan/contracts/access/facts.js'
import { judge, explain, type Question, type Verdict, type Explanation } from './judge.js'

export type { Explanation, Question, Verdict }

/** A question with the tenant that it is asked in. */
export interface TenantQuestion extends Question {
  readonly tenant: string
}

export type PackedRule = PackRule<RawRuleOf<MongoAbility>>

export interface SubjectRules {
  readonly rules: readonly PackedRule[]
  /** Position of the last change that the rules contain: of the tenant's roles, policies and resources, or of the subject's assignments. */
  readonly policyVersion: PositionToken
}

export interface Verdicts {
  readonly verdicts: readonly Verdict[]
  readonly policyVersion: PositionToken
}

export class AccessEngine {
  readonly #cache: AccessCache

  constructor(rows: Rows, views: Pick<Views, 'watch'>) {
    this.#cache = new AccessCache(rows, views)
  }

  async decide(question: TenantQuestion): Promise<Verdict> {
    return judge(await this.#access(question.tenant, question.subject), question)
  }

  /** Verdicts in the order of the questions. `policyVersion` is that of the tenant's roles, policies and resources, at most that of every single verdict. */
  async decideAll(tenant: string, questions: readonly Question[]): Promise<Verdicts> {
    const { position: policyVersion } = (await this.#cache.tenant(tenant)).changed
    const missing = new Map<string, Promise<SubjectAccess>>()
    const known = this.#cache.finder(tenant)
    const verdicts = questions.map((question) => {
      const access = known(question.subject)
      if (access) return judge(access, question)
      if (!missing.has(question.subject)) missing.set(question.subject, this.#cache.load(tenant, question.subject))
      return undefined
    })
    if (missing.size === 0) return { verdicts: verdicts as Verdict[], policyVersion }
    const loaded = new Map<string, SubjectAccess>()
    for (const [subject, access] of missing) loaded.set(subject, await access)
    return { verdicts: verdicts.map((verdict, i) => verdict ?? judgeLoaded(loaded, questions[i] as Question)), policyVersion }
  }

  /** The verdict and how it came about. */
  async explain(question: TenantQuestion): Promise<Explanation> {
    return explain(await this.#access(question.tenant, question.subject), question)
  }

  /** For guards: a condition on a fact that the guard does not know never opens and always closes. */
  async guards(question: TenantQuestion): Promise<boolean> {
    return judge(await this.#access(question.tenant, question.subject), question, (rule) => knows(rule, question.facts ?? noFacts)).allowed
  }

  /** Everything that holds for a subject, packed by CASL. Allow rules come first: in CASL the later rule wins. */
  async rules(tenant: string, subject: string): Promise<SubjectRules> {
    const access = await this.#access(tenant, subject)
    const all = access.roles.flatMap((role) => role.rules)
    const system = access.operator ? [] : [tenantsAreTheOperators]
    const ordered = [...all.filter((rule) => !rule.inverted), ...all.filter((rule) => rule.inverted), ...system]
    return { rules: packRules(ordered.map(bare)) as PackedRule[], policyVersion: access.policyVersion }
  }

  /** Whether the subject holds a role in the whole tenant. `operator` counts in the first tenant only. */
  async holds(tenant: string, subject: string, role: string): Promise<boolean> {
    const access = await this.#access(tenant, subject)
    return role === 'operator' ? access.operator : access.grants.some((grant) => grant.role === role && grant.organization === undefined)
  }

  #access(tenant: string, subject: string): Promise<SubjectAccess> {
    const known = this.#cache.known(tenant, subject)
    return known ? Promise.resolve(known) : this.#cache.load(tenant, subject)
  }
}

const judgeLoaded = (loaded: ReadonlyMap<string, SubjectAccess>, question: Question): Verdict => judge(loaded.get(question.subject) as SubjectAccess, question)

const bare = ({ action, subject, fields, conditions, inverted, reason }: SourcedRule | typeof tenantsAreTheOperators): RawRuleOf<MongoAbility> =>
  ({
    action,
    subject,
    ...(fields ? { fields } : {}),
    ...(conditions ? { conditions } : {}),
    ...(inverted ? { inverted } : {}),
    ...(reason ? { reason } : {}),
  }) as RawRuleOf<MongoAbility>

/** Whether every field that the rule's conditions speak of is among the facts. */
const knows = (rule: CompiledRule, facts: Facts): boolean => {
  const { conditions } = sourceOf(rule)
  return !conditions || Object.keys(conditions).every((field) => Object.hasOwn(facts, field.split('.', 1)[0] as string))
}
