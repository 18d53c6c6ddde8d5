import { attributeDefinition, valueSchema } from './attribute.js'
import { defaultProfileSchema } from './default-schema.js'

const accepts = (definition: object, value: unknown) =>
  valueSchema(attributeDefinition.parse({ key: 'x', label: { en: 'X' }, ...definition })).safeParse(value).success

describe('attributes', () => {
  it.each([
    [{ type: 'string' }, 'Ada', ' '],
    [{ type: 'string', maxLength: 3 }, 'abc', 'abcd'],
    [{ type: 'string', format: 'letters' }, "Zoë O'Neil", 'a1'],
    [{ type: 'string', format: 'time-zone' }, 'America/Argentina/Buenos_Aires', 'a b'],
    [{ type: 'string', format: 'language-tag' }, 'pt-BR', 'p'],
    [{ type: 'number' }, 1.5, '1'],
    [{ type: 'boolean' }, true, 'true'],
    [{ type: 'date' }, '1990-02-28', '1990-02-30'],
    [{ type: 'email' }, 'a@b.example', 'a@'],
    [{ type: 'phone' }, '+4915112345678', '015112345678'],
    [{ type: 'url' }, 'https://x.example/p.png', 'javascript:alert(1)'],
    [{ type: 'enum', options: ['s', 'm'] }, 'm', 'l'],
    [{ type: 'address' }, { locality: 'Cairo' }, { locality: 'Cairo', planet: 'Mars' }],
    [{ type: 'address' }, { country: 'EG' }, {}],
    [{ type: 'string-list' }, ['a', 'b'], ['']],
  ])('%j takes %j and not %j', (definition, good, bad) => {
    expect(accepts(definition, good)).toBe(true)
    expect(accepts(definition, bad)).toBe(false)
  })

  it('are refused where the definition contradicts itself', () => {
    for (const wrong of [
      { type: 'enum' },
      { type: 'string', options: ['a'] },
      { type: 'number', format: 'digits' },
      { type: 'enum', options: ['a', 'a'] },
      { key: 'constructor', type: 'string' },
      { key: '__proto__', type: 'string' },
    ]) {
      expect(attributeDefinition.safeParse({ key: 'x', label: { en: 'X' }, ...wrong }).success).toBe(false)
    }
  })

  it('begin with the standard claims', () => {
    expect(defaultProfileSchema.map(({ key }) => key)).toEqual([
      'name',
      'given_name',
      'family_name',
      'nickname',
      'picture',
      'phone_number',
      'birthdate',
      'address',
      'locale',
      'zoneinfo',
    ])
  })

  it('are checked in linear time', () => {
    const started = performance.now()
    for (const format of ['letters', 'language-tag', 'time-zone', 'slug', 'uuid'] as const)
      accepts({ type: 'string', format, maxLength: 4000 }, `${'a'.repeat(3990)}!`)
    accepts({ type: 'string', format: 'time-zone', maxLength: 4000 }, `${'a_'.repeat(1990)}!`)
    expect(performance.now() - started).toBeLessThan(500)
  })
})
