import { factsProblem } from './facts.js'

const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) })

test('plain JSON of some size is fine', () => {
  expect(factsProblem({})).toBeUndefined()
  expect(factsProblem({ owner: 'usr_1', tags: ['a', 'b'], address: { country: 'NL', zip: null }, total: 12.5, paid: false })).toBeUndefined()
})

test.each([
  ['an array', []],
  ['null', null],
  ['a key that reaches prototypes', JSON.parse('{"__proto__": {"admin": true}}')],
  ['such a key further in', { a: JSON.parse('{"constructor": 1}') }],
  ['a deep value', deep(10)],
  ['a long text', { a: 'x'.repeat(2001) }],
  ['many values', { a: Array.from({ length: 501 }, () => 1) }],
  ['many keys', Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`k${i}`, i]))],
  ['a number without end', { a: Number.POSITIVE_INFINITY }],
])('%s is refused', (_, facts) => expect(factsProblem(facts)).toBeDefined())
