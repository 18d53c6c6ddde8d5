/**
 * `${subject.id}`, `${subject.tenant}` and `${subject.organizations}` in the conditions of a rule. Values are put in place of values, after
 * parsing: nothing that a subject is called can become an operator or a field.
 */
import type { AccessRule } from '@pavan/contracts'

export interface AskingSubject {
  readonly id: string
  readonly tenant: string
  readonly organizations: readonly string[]
}

type Conditions = NonNullable<AccessRule['conditions']>

const organizations = '${subject.organizations}'
const template = /\$\{[^}]*\}/
const known = new Set(['${subject.id}', '${subject.tenant}', organizations])

/** Templates of the conditions that mean nothing. */
export const unknownTemplates = (conditions: Conditions | undefined): readonly string[] =>
  [...JSON.stringify(conditions ?? {}).matchAll(new RegExp(template, 'g'))].map(([text]) => text).filter((text) => !known.has(text))

export const hasTemplates = (conditions: Conditions | undefined): boolean => conditions !== undefined && template.test(JSON.stringify(conditions))

const fill = (value: unknown, subject: AskingSubject): unknown => {
  if (typeof value !== 'string') return value
  if (value === '${subject.id}') return subject.id
  return value === '${subject.tenant}' ? subject.tenant : value
}

const fillList = (list: readonly unknown[], subject: AskingSubject): unknown[] =>
  list.flatMap((value): unknown[] => (value === organizations ? [...subject.organizations] : [fill(value, subject)]))

/** The conditions as they are for one subject. */
export const fillTemplates = (conditions: Conditions, subject: AskingSubject): Conditions => {
  const filled: [string, unknown][] = []
  for (const [field, condition] of Object.entries(conditions)) {
    if (condition === organizations) filled.push([field, { $in: [...subject.organizations] }])
    else if (typeof condition !== 'object' || condition === null) filled.push([field, fill(condition, subject)])
    else {
      const operators = Object.entries(condition).map(([operator, value]) => [operator, Array.isArray(value) ? fillList(value, subject) : fill(value, subject)])
      filled.push([field, Object.fromEntries(operators) as unknown])
    }
  }
  return Object.fromEntries(filled) as Conditions
}
