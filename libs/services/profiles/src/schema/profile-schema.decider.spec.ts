import { given } from '@pavan/kernel/spec.js'
import { profileSchemaSet } from '@pavan/contracts'
import { attributeDefinition } from '@pavan/contracts/profiles/attribute.js'
import { defaultProfileSchema } from '@pavan/contracts/profiles/default-schema.js'
import { profileSchema } from './profile-schema.decider.js'

const shoe = attributeDefinition.parse({ key: 'shoe_size', label: { en: 'Shoe size' }, type: 'number' })
const set = (...attributes: object[]) => profileSchemaSet.of({ data: { attributes: attributes as never } })

describe('the schema of profiles', () => {
  it('given none, when one is set, then it is; the default again is nothing', () => {
    expect(given(profileSchema, []).when({ type: 'set', attributes: [shoe] }).result).toEqual([set(shoe)])
    expect(given(profileSchema, []).when({ type: 'set', attributes: defaultProfileSchema }).result).toEqual([])
    expect(given(profileSchema, [set(shoe)]).when({ type: 'set', attributes: [shoe] }).result).toEqual([])
  })

  it('given an attribute, even a removed one, when it comes back with another type, then it is refused', () => {
    const text = { ...shoe, type: 'string' as const }
    expect(given(profileSchema, [set(shoe)]).when({ type: 'set', attributes: [text] }).result).toMatchObject({
      code: 'profiles.schema.type-fixed',
      params: { attribute: 'shoe_size' },
    })
    expect(given(profileSchema, [set(shoe), set()]).when({ type: 'set', attributes: [text] }).result).toMatchObject({ code: 'profiles.schema.type-fixed' })
  })
})
