/** Facts about the thing that is asked about, as they come from outside: bounded, and free of keys that reach prototypes. */

export type Facts = Readonly<Record<string, unknown>>

export const noFacts: Facts = Object.freeze({})

const maxDepth = 6
/** Keys and array elements of one set of facts. */
const maxValues = 500
const maxText = 2000
const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

/** Why facts are refused, or `undefined` when they are fine. */
export const factsProblem = (facts: unknown): string | undefined => {
  if (typeof facts !== 'object' || facts === null || Array.isArray(facts)) return 'must be an object'
  const budget = { left: maxValues }
  return problemOf(facts, 1, budget)
}

const problemOf = (value: unknown, depth: number, budget: { left: number }): string | undefined => {
  switch (typeof value) {
    case 'string':
      return value.length > maxText ? `has a text of more than ${maxText} characters` : undefined
    case 'number':
      return Number.isFinite(value) ? undefined : 'has a number that is not finite'
    case 'boolean':
      return undefined
    case 'object':
      break
    default:
      return 'has a value that is not JSON'
  }
  if (value === null) return undefined
  if (depth > maxDepth) return `is nested more than ${maxDepth} levels deep`
  if (Array.isArray(value)) {
    if ((budget.left -= value.length) < 0) return `has more than ${maxValues} values`
    for (const item of value) {
      const problem = problemOf(item, depth + 1, budget)
      if (problem) return problem
    }
    return undefined
  }
  for (const key in value) {
    if (--budget.left < 0) return `has more than ${maxValues} values`
    if (key.length > 100 || forbidden.has(key)) return 'has a key that is not allowed'
    const problem = problemOf((value as Record<string, unknown>)[key], depth + 1, budget)
    if (problem) return problem
  }
  return undefined
}
