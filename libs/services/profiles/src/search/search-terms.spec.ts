import { lookupPrefix, matches, prefixesOf, queryWords, termsOf } from './search-terms.js'

const person = {
  email: 'Zoe.Muller@Example.com',
  name: 'Zoë Müller',
  values: { given_name: 'Zoë', family_name: 'Müller', phone_number: '+4915112345678', birthdate: '1990-01-01' },
}

describe('search terms', () => {
  it('are the words of names, the e-mail address and the digits of the phone number, folded', () => {
    expect(termsOf(person)).toEqual(['zoe', 'muller', 'zoe.muller@example.com', '4915112345678'])
  })

  it('are kept as prefixes of a few lengths', () => {
    expect(prefixesOf(['zoe', 'muller'])).toEqual(['zo', 'zoe', 'mu', 'mul', 'mull', 'muller'])
    expect(prefixesOf(termsOf(person)).length).toBeLessThan(20)
  })

  it.each(['zoe', 'ZOË', 'mül', 'mull zo', 'zoe.muller@ex', '+49 151', '4915112345678', 'mulle'])('find the person by %s', (query) => {
    const found = queryWords(query)
    expect(prefixesOf(termsOf(person))).toContain(lookupPrefix(found))
    expect(matches(person, found)).toBe(true)
  })

  it.each(['1990', 'zoe smith', 'muller@', 'uller', '0151'])('do not find the person by %s', (query) => {
    expect(matches(person, queryWords(query))).toBe(false)
  })

  it('need two letters', () => {
    expect(lookupPrefix(queryWords('z'))).toBeUndefined()
  })
})
