/** How people are found by the beginning of a name, an e-mail address or a phone number, without keeping any of them readable. */

/** Attributes by whose values people are found. */
const named = ['given_name', 'family_name', 'nickname'] as const

/** Lengths of the prefixes that are kept; a longer query is looked up by the longest that fits, and the hits are then compared in full. */
const prefixLengths = [2, 3, 4, 6, 9, 13] as const
/** Words of one person that can be searched for; more are not indexed. */
const maxTerms = 12

export interface Searchable {
  readonly email?: string
  readonly name?: string
  readonly values: Readonly<Record<string, unknown>>
}

/** Case, width and accents make no difference. */
export const fold = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().trim()

const phoneShape = /^\+?[\d\s()./-]{2,}$/
const digits = (text: string): string => text.replace(/\D/g, '')
const words = (text: string): string[] => fold(text).split(/\s+/u).filter(Boolean)

/** The words by which a person is found. */
export const termsOf = (person: Searchable): readonly string[] => {
  // The name of the registration counts until there is an attribute in its place.
  const texts = [person.values.name ?? person.name, ...named.map((key) => person.values[key])].filter((value): value is string => typeof value === 'string')
  const terms = new Set(texts.flatMap(words))
  if (person.email) terms.add(fold(person.email))
  const phone = person.values.phone_number
  if (typeof phone === 'string') terms.add(digits(phone))
  return [...terms].slice(0, maxTerms)
}

/** Prefixes of the terms, of the lengths that are kept. */
export const prefixesOf = (terms: readonly string[]): readonly string[] => [
  ...new Set(terms.flatMap((term) => prefixLengths.filter((length) => length <= term.length).map((length) => term.slice(0, length)))),
]

/** Words of a query; what looks like a phone number is one word. */
export const queryWords = (query: string): readonly string[] => (phoneShape.test(query) ? [digits(query)] : words(query)).filter((word) => word.length >= 2)

/** The prefix by which candidates are looked up: that of the longest word. */
export const lookupPrefix = (wordsOfQuery: readonly string[]): string | undefined => {
  const longest = wordsOfQuery.toSorted((a, b) => b.length - a.length)[0]
  const length = longest && prefixLengths.findLast((one) => one <= longest.length)
  return length ? longest.slice(0, length) : undefined
}

/** Whether every word of the query begins one of the person's. */
export const matches = (person: Searchable, wordsOfQuery: readonly string[]): boolean => {
  const terms = termsOf(person)
  return wordsOfQuery.every((word) => terms.some((term) => term.startsWith(word)))
}
