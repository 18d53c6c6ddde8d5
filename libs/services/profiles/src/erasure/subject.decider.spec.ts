import { given } from '@pavan/kernel/spec.js'
import { erasureCompleted, subjectErased, subjectExported } from '@pavan/contracts'
import { subjectDecider } from './subject.decider.js'

const erased = subjectErased.of({ data: { user: 'usr_1', erasure: 'era_1' } })
const completed = erasureCompleted.of({ data: { user: 'usr_1', erasure: 'era_1', stores: ['profiles/profiles'] } })

describe('a subject', () => {
  it('given a person, when their data is handed out twice, then both times are known', () => {
    const exported = subjectExported.of({ data: { user: 'usr_1' } })
    expect(given(subjectDecider, [exported]).when({ type: 'export', user: 'usr_1' }).result).toEqual([exported])
  })

  it('given a person, when they are erased twice, then they are erased once', () => {
    expect(given(subjectDecider, []).when({ type: 'erase', user: 'usr_1', erasure: 'era_1' }).result).toEqual([erased])
    expect(given(subjectDecider, [erased]).when({ type: 'erase', user: 'usr_1', erasure: 'era_2' }).result).toEqual([])
    expect(given(subjectDecider, [erased, completed]).when({ type: 'erase', user: 'usr_1', erasure: 'era_2' }).result).toEqual([])
  })

  it('given an erased person, when an export is asked for, then there is none', () => {
    expect(given(subjectDecider, [erased]).when({ type: 'export', user: 'usr_1' }).result).toMatchObject({ code: 'request.subject.erased' })
  })

  it('given an erasure, when it is completed, then it is, once, and never before it began', () => {
    const complete = { type: 'complete', user: 'usr_1', stores: ['profiles/profiles'] } as const
    expect(given(subjectDecider, [erased]).when(complete).result).toEqual([completed])
    expect(given(subjectDecider, [erased, completed]).when(complete).result).toEqual([])
    expect(given(subjectDecider, []).when(complete).result).toMatchObject({ code: 'profiles.erasure.not-begun' })
  })
})
