import { claimsOf } from '@pavan/kernel/decider.js'
import { given } from '@pavan/kernel/spec.js'
import { memberAdded, memberRemoved, organizationCreated, organizationDeleted, organizationRenamed } from '@pavan/contracts'
import { organization } from './organization.decider.js'

const created = organizationCreated.of({ data: { name: 'North', slug: 'north' } })
const added = memberAdded.of({ data: { user: 'usr_1' } })
const removed = memberRemoved.of({ data: { user: 'usr_1' } })
const deleted = organizationDeleted.of({ data: {} })

describe('an organization', () => {
  it('given nothing, when it is created, then it is, and its slug is claimed', () => {
    expect(given(organization, []).when({ type: 'create', name: 'North', slug: 'north' }).result).toEqual([created])
    expect(claimsOf(organization as never, organization.initial, [created, deleted])).toEqual([
      { take: { name: 'organization-slug', value: 'north' } },
      { release: { name: 'organization-slug', value: 'north' } },
    ])
  })

  it('given an organization, when somebody is added twice, then they are added once', () => {
    expect(given(organization, [created]).when({ type: 'add-member', user: 'usr_1' }).result).toEqual([added])
    expect(given(organization, [created, added]).when({ type: 'add-member', user: 'usr_1' }).result).toEqual([])
  })

  it('given a member, when they are removed, then they are, and may come back', () => {
    expect(given(organization, [created, added]).when({ type: 'remove-member', user: 'usr_1' }).result).toEqual([removed])
    expect(given(organization, [created, added, removed]).when({ type: 'remove-member', user: 'usr_1' }).result).toEqual([])
    expect(given(organization, [created, added, removed]).when({ type: 'add-member', user: 'usr_1' }).result).toEqual([added])
  })

  it('given an organization, when it is renamed to its own name, then nothing happens', () => {
    expect(given(organization, [created]).when({ type: 'rename', name: 'North' }).result).toEqual([])
    expect(given(organization, [created]).when({ type: 'rename', name: 'South' }).result).toEqual([organizationRenamed.of({ data: { name: 'South' } })])
  })

  it('given a deleted one, when it is deleted again, then nothing happens; anything else does not find it', () => {
    expect(given(organization, [created, deleted]).when({ type: 'delete' }).result).toEqual([])
    for (const command of [
      { type: 'rename', name: 'x' },
      { type: 'add-member', user: 'usr_1' },
      { type: 'remove-member', user: 'usr_1' },
    ] as const) {
      expect(given(organization, [created, deleted]).when(command).result).toMatchObject({ code: 'admin.organization.not-found' })
      expect(given(organization, []).when(command).result).toMatchObject({ code: 'admin.organization.not-found' })
    }
  })
})
