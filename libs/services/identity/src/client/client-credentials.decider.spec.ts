import { given } from '@pavan/kernel/spec.js'
import { clientSecretCreated, clientSecretRevoked } from '@pavan/contracts'
import { clientCredentials } from './client-credentials.decider.js'

const created = (secretId: string, expiresAt?: number) =>
  clientSecretCreated.of({ data: { secretId, hint: 'abcd', expiresAt }, secret: { sha256: `hash-${secretId}` } })
const create = (secretId: string, now = 100) => ({ type: 'create', secretId, hint: 'abcd', sha256: `hash-${secretId}`, now }) as const

describe('the secrets of a client', () => {
  it('given none, when one is created, then it is', () => {
    expect(given(clientCredentials, []).when(create('sec_1')).result).toEqual([created('sec_1')])
  })

  it('given two valid, when a third is created, then it is refused', () => {
    expect(given(clientCredentials, [created('sec_1'), created('sec_2')]).when(create('sec_3')).result).toMatchObject({ code: 'identity.client-secret.limit' })
  })

  it('given two of which one expired or was revoked, when a third is created, then it is', () => {
    expect(given(clientCredentials, [created('sec_1', 100), created('sec_2')]).when(create('sec_3')).result).toHaveLength(1)
    const revoked = clientSecretRevoked.of({ data: { secretId: 'sec_1' } })
    expect(given(clientCredentials, [created('sec_1'), created('sec_2'), revoked]).when(create('sec_3')).result).toHaveLength(1)
  })

  it('given none, when one is created that is expired already, then it is refused', () => {
    expect(given(clientCredentials, []).when({ ...create('sec_1'), expiresAt: 100 }).result).toMatchObject({ code: 'identity.client-secret.expired' })
  })

  it('given that there was one, when the first is asked for, then it is refused', () => {
    const events = [created('sec_1'), clientSecretRevoked.of({ data: { secretId: 'sec_1' } })]
    expect(given(clientCredentials, events).when({ ...create('sec_2'), onlyFirst: true }).result).toMatchObject({ code: 'identity.client-secret.exists' })
  })

  it('given one, when another is revoked, then it is not found', () => {
    expect(given(clientCredentials, [created('sec_1')]).when({ type: 'revoke', secretId: 'sec_2' }).result).toMatchObject({
      code: 'identity.client-secret.not-found',
    })
    expect(given(clientCredentials, [created('sec_1')]).when({ type: 'revoke', secretId: 'sec_1' }).result).toHaveLength(1)
  })
})
