import { given } from '@pavan/kernel/spec.js'
import { profileChanged } from '@pavan/contracts'
import { profileDecider } from './profile.decider.js'

const changed = (values: Record<string, unknown>) => profileChanged.of({ data: { user: 'usr_1', attributes: Object.keys(values) }, personal: { values } })
const change = (values: Record<string, unknown>) => ({ type: 'change', user: 'usr_1', values }) as const

describe('a profile', () => {
  it('given nothing, when values are set, then only their names are in the open', () => {
    expect(given(profileDecider, []).when(change({ nickname: 'Ada' })).result).toEqual([
      { type: 'profile.changed', data: { user: 'usr_1', attributes: ['nickname'] }, personal: { values: { nickname: 'Ada' } } },
    ])
  })

  it('given values, when some are the same, then only the others change', () => {
    const before = [changed({ nickname: 'Ada', locale: 'en' })]
    expect(given(profileDecider, before).when(change({ nickname: 'Ada', locale: 'ar' })).result).toEqual([changed({ locale: 'ar' })])
    expect(given(profileDecider, before).when(change({ nickname: 'Ada' })).result).toEqual([])
  })

  it('given a value, when it is removed twice, then it is removed once', () => {
    expect(given(profileDecider, [changed({ nickname: 'Ada' })]).when(change({ nickname: null })).result).toEqual([changed({ nickname: null })])
    expect(given(profileDecider, [changed({ nickname: 'Ada' }), changed({ nickname: null })]).when(change({ nickname: null })).result).toEqual([])
  })

  it('given an erased person, when the events are read, then nothing is known and nothing fails', () => {
    const erased = [{ ...changed({ nickname: 'Ada' }), personal: undefined }]
    expect(given(profileDecider, erased).when(change({ nickname: null })).result).toEqual([])
  })
})
