import { claimsOf } from '@pavan/kernel/decider.js'
import { given } from '@pavan/kernel/spec.js'
import { tenantCreated, tenantRenamed } from '@pavan/contracts'
import { tenant } from './tenant.decider.js'

const created = tenantCreated.of({ data: { slug: 'acme', name: 'Acme' } })

describe('a tenant', () => {
  it('given nothing, when it is created, then it is, and its slug is claimed in the whole installation', () => {
    expect(given(tenant, []).when({ type: 'create', slug: 'acme', name: 'Acme' }).result).toEqual([created])
    expect(claimsOf(tenant as never, tenant.initial, [created])).toEqual([{ take: { name: 'tenant-slug', value: 'acme', everywhere: true } }])
  })

  it('given a tenant, when it is created again, then nothing happens; under another slug it is refused', () => {
    expect(given(tenant, [created]).when({ type: 'create', slug: 'acme', name: 'Other' }).result).toEqual([])
    expect(given(tenant, [created]).when({ type: 'create', slug: 'other', name: 'Acme' }).result).toMatchObject({ code: 'admin.tenant.exists' })
  })

  it('given a tenant, when it is renamed, then it is, once', () => {
    const renamed = tenantRenamed.of({ data: { name: 'Acme Corp' } })
    expect(given(tenant, [created]).when({ type: 'rename', name: 'Acme Corp' }).result).toEqual([renamed])
    expect(given(tenant, [created, renamed]).when({ type: 'rename', name: 'Acme Corp' }).result).toEqual([])
    expect(claimsOf(tenant as never, tenant.initial, [renamed])).toEqual([])
  })

  it('given nothing, when it is renamed, then it is not found', () => {
    expect(given(tenant, []).when({ type: 'rename', name: 'Acme' }).result).toMatchObject({ code: 'admin.tenant.not-found' })
  })
})
