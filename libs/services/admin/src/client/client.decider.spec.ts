import { given } from '@pavan/kernel/spec.js'
import { clientDeleted, clientRegistered, clientSettings, clientUpdated } from '@pavan/contracts'
import { client } from './client.decider.js'

const settings = clientSettings.parse({ name: 'Shop', kind: 'web', grantTypes: ['authorization_code'], redirectUris: ['https://shop.example/cb'] })
const registered = clientRegistered.of({ data: { application: 'app_1', settings } })
const deleted = clientDeleted.of({ data: { application: 'app_1' } })

describe('a client', () => {
  it('given nothing, when it is registered, then it is; again, and nothing happens', () => {
    expect(given(client, []).when({ type: 'register', application: 'app_1', settings }).result).toEqual([registered])
    expect(given(client, [registered]).when({ type: 'register', application: 'app_1', settings }).result).toEqual([])
    expect(given(client, [registered]).when({ type: 'register', application: 'app_2', settings }).result).toMatchObject({ code: 'admin.client.exists' })
  })

  it('given nothing, when it is registered with settings that its kind does not allow, then it is refused', () => {
    const wrong = { ...settings, redirectUris: ['http://shop.example/cb'] }
    expect(given(client, []).when({ type: 'register', application: 'app_1', settings: wrong }).result).toMatchObject({
      code: 'admin.client.invalid',
      params: { field: 'redirectUris/0' },
    })
  })

  it('given a client, when its settings are replaced, then they are, but never its kind', () => {
    const next = { ...settings, name: 'Shop 2' }
    expect(given(client, [registered]).when({ type: 'replace', settings: next }).result).toEqual([
      clientUpdated.of({ data: { application: 'app_1', settings: next } }),
    ])
    expect(given(client, [registered]).when({ type: 'replace', settings }).result).toEqual([])
    expect(given(client, [registered]).when({ type: 'replace', settings: { ...settings, kind: 'spa' } }).result).toMatchObject({
      code: 'admin.client.kind-fixed',
    })
  })

  it('given a deleted client, when it is used, then it is not found', () => {
    expect(given(client, [registered]).when({ type: 'delete' }).result).toEqual([deleted])
    expect(given(client, [registered, deleted]).when({ type: 'delete' }).result).toEqual([])
    expect(given(client, [registered, deleted]).when({ type: 'replace', settings }).result).toMatchObject({ code: 'admin.client.not-found' })
    expect(given(client, [registered, deleted]).when({ type: 'register', application: 'app_1', settings }).result).toMatchObject({
      code: 'admin.client.exists',
    })
  })
})
