/** The rules of one role, compiled once by CASL and shared by everybody who has the role. */
import { createMongoAbility, type MongoAbility, type RawRuleOf, type RuleOf } from '@casl/ability'
import type { AccessRule } from '@pavan/contracts'
import type { Grant } from './access.tables.js'
import { fillTemplates, hasTemplates, type AskingSubject } from './rule-templates.js'

/** A rule and where it comes from. CASL carries the extra fields along. */
export interface SourcedRule extends AccessRule {
  readonly role: string
  readonly organization?: string
  readonly policy?: string
  /** Index of the rule in its policy, or of the privilege in its role; from 0. */
  readonly index: number
}

export type CompiledRule = RuleOf<MongoAbility>

const none: readonly CompiledRule[] = []

export class CompiledRole {
  /** Whether conditions speak of the asking subject: then it cannot be shared. */
  readonly personal: boolean
  readonly #ability: MongoAbility
  readonly #resources: ReadonlySet<string>

  constructor(readonly rules: readonly SourcedRule[]) {
    this.personal = rules.some((rule) => hasTemplates(rule.conditions))
    this.#resources = new Set(rules.flatMap((rule) => rule.subject))
    this.#ability = createMongoAbility(rules as unknown as RawRuleOf<MongoAbility>[])
  }

  /** Rules on the action and resource, and those on `manage` and `all`. */
  relevant(action: string, resource: string): readonly CompiledRule[] {
    return this.#resources.has(resource) || this.#resources.has('all') ? this.#ability.possibleRulesFor(action, resource) : none
  }

  for(subject: AskingSubject): CompiledRole {
    return this.personal
      ? new CompiledRole(this.rules.map((rule) => (rule.conditions ? { ...rule, conditions: fillTemplates(rule.conditions, subject) } : rule)))
      : this
  }
}

export const sourceOf = (rule: CompiledRule): SourcedRule => rule.origin as unknown as SourcedRule

/** The rules of a role as they are for one grant of it: in one organization every rule holds only for that organization's things. */
export const rulesOf = (
  grant: Grant,
  parts: readonly { readonly policy?: string; readonly rules: readonly AccessRule[] }[],
  silent: ReadonlySet<string>,
): readonly SourcedRule[] =>
  parts.flatMap(({ policy, rules }) =>
    rules.flatMap((rule, index): SourcedRule[] => {
      const subjects = [rule.subject].flat().filter((resource) => !silent.has(resource))
      const within = grant.organization === undefined ? rule.conditions : inOrganization(rule.conditions, grant.organization)
      if (subjects.length === 0 || within === 'never') return []
      const source = {
        role: grant.role,
        ...(grant.organization === undefined ? {} : { organization: grant.organization }),
        ...(policy === undefined ? {} : { policy }),
        index,
      }
      const { conditions: _, fields, ...rest } = rule
      // CASL refuses an empty list of fields; a rule on no field says nothing.
      if (fields?.length === 0) return []
      return [
        {
          ...rest,
          ...(fields ? { fields } : {}),
          ...(within ? { conditions: within } : {}),
          subject: subjects.length === 1 ? (subjects[0] as string) : subjects,
          ...source,
        },
      ]
    }),
  )

type Conditions = NonNullable<AccessRule['conditions']>

/** Both the rule's own conditions and the organization; `never` when they exclude each other. */
const inOrganization = (conditions: Conditions | undefined, organization: string): Conditions | 'never' => {
  const own = conditions?.organization
  if (own === undefined) return { ...conditions, organization }
  if (own === '${subject.organizations}') return { ...conditions, organization: { $in: [own], $eq: organization } }
  if (typeof own !== 'object' || own === null) return own === organization ? { ...conditions, organization } : 'never'
  if (own.$eq !== undefined && own.$eq !== organization) return 'never'
  return { ...conditions, organization: { ...own, $eq: organization } }
}
