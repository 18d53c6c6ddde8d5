import { given } from '@pavan/kernel/spec.js'
import { applicationCreated, applicationDeleted, applicationUpdated } from '@pavan/contracts'
import { application } from './application.decider.js'

const created = applicationCreated.of({ data: { name: 'Shop' } })
const deleted = applicationDeleted.of({ data: {} })

describe('an application', () => {
  it('given nothing, when it is created, then it is; again, and nothing happens', () => {
    expect(given(application, []).when({ type: 'create', name: 'Shop' }).result).toEqual([
      { type: 'application.created', data: { name: 'Shop', description: undefined } },
    ])
    expect(given(application, [created]).when({ type: 'create', name: 'Shop' }).result).toEqual([])
    expect(given(application, [created]).when({ type: 'create', name: 'Other' }).result).toMatchObject({ code: 'admin.application.exists' })
  })

  it('given an application, when its texts change, then they do, once', () => {
    const updated = applicationUpdated.of({ data: { name: 'Shop', description: 'Sells' } })
    expect(given(application, [created]).when({ type: 'update', name: 'Shop', description: 'Sells' }).result).toEqual([updated])
    expect(given(application, [created, updated]).when({ type: 'update', name: 'Shop', description: 'Sells' }).result).toEqual([])
  })

  it('given a deleted one, when it is used, then it is not found', () => {
    expect(given(application, [created]).when({ type: 'delete' }).result).toEqual([deleted])
    expect(given(application, [created, deleted]).when({ type: 'delete' }).result).toEqual([])
    expect(given(application, [created, deleted]).when({ type: 'update', name: 'x' }).result).toMatchObject({ code: 'admin.application.not-found' })
    expect(given(application, [created, deleted]).when({ type: 'create', name: 'Shop' }).result).toMatchObject({ code: 'admin.application.exists' })
    expect(given(application, []).when({ type: 'delete' }).result).toMatchObject({ code: 'admin.application.not-found' })
  })
})
