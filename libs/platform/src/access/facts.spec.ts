import { factsProblem } from './facts.js'
import { fillTemplates, unknownTemplates } from './rule-templates.js'

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

test('templates are filled as values', () => {
  const subject = { id: '$ne', tenant: 'ten_1', organizations: ['org_1', 'org_2'] }
  const filled = fillTemplates({ owner: '${subject.id}', org: '${subject.organizations}', other: { $in: ['x', '${subject.organizations}'], $ne: '${subject.tenant}' } }, subject)
  expect(filled).toEqual({ owner: '$ne', org: { $in: ['org_1', 'org_2'] }, other: { $in: ['x', 'org_1', 'org_2'], $ne: 'ten_1' } })
  expect(unknownTemplates({ a: '${subject.name}', b: '${subject.id}' })).toEqual(['${subject.name}'])
})
