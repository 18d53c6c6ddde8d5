/** Client secrets and signing keys over HTTP, and the operator's file. */
import { clientSecretRevoked } from '@pavan/contracts'
import { Clock, orThrow } from '@pavan/kernel'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import * as oidc from 'openid-client'
import { user } from '@pavan/platform/testing/service-under-test.js'
import { Aggregates } from '@pavan/platform/events/aggregates.js'
import { Ids } from '@pavan/platform/service/ids.js'
import { SigningKeyMaker } from '../signing-key/signing-keys.js'
import { machine, ProviderUnderTest, spa } from '../spec/provider-under-test.js'

let system: ProviderUnderTest
beforeAll(async () => {
  system = await ProviderUnderTest.start()
  system.everybodyMay()
})
afterAll(() => system.close())

const works = async (slug: string, id: string, secret: string): Promise<boolean> => {
  const config = await oidc.discovery(new URL(system.issuer(slug)), id, secret, undefined, { execute: [oidc.allowInsecureRequests] })
  return oidc.clientCredentialsGrant(config).then(
    () => true,
    (error: { error?: string }) => (error.error === 'invalid_client' ? false : Promise.reject(error)),
  )
}

test('two secrets of a client are valid at once, a third is refused, and a revoked one is refused at once', async () => {
  const tenant = await system.tenant('secrets')
  const { id, secret } = await system.client(tenant, 'secrets', machine)
  const as = user(tenant, 'usr_admin')
  const path = `/api/v1/identity/clients/${id}/secrets`
  const second = await system.service.call('POST', path, { as, body: {} })
  expect(second).toMatchObject({ status: 201, body: { client: id, id: expect.stringMatching(/^sec_/), secret: expect.any(String) } })
  expect(await works('secrets', id, secret as string)).toBe(true)
  expect(await works('secrets', id, second.body.secret)).toBe(true)
  expect(await works('secrets', id, 'wrong')).toBe(false)
  expect((await system.service.call('POST', path, { as, body: {} })).body).toMatchObject({ code: 'identity.client-secret.limit' })

  const { body } = await system.service.call('GET', path, { as })
  expect(body.items).toHaveLength(2)
  expect(JSON.stringify(body)).not.toContain(second.body.secret)
  expect(Object.keys(body.items[0]).sort()).toEqual(['hint', 'id', 'valid'])
  expect((await system.service.call('DELETE', `${path}/${body.items[0].id}`, { as })).status).toBe(204)
  expect(await works('secrets', id, secret as string)).toBe(false)
  expect(await works('secrets', id, second.body.secret)).toBe(true)
})

test('a secret that another copy of the service revokes is refused when its event has come', async () => {
  const tenant = await system.tenant('elsewhere')
  const { id, secret } = await system.client(tenant, 'elsewhere', machine)
  expect(await works('elsewhere', id, secret as string)).toBe(true)
  const { body } = await system.service.call('GET', `/api/v1/identity/clients/${id}/secrets`, { as: user(tenant, 'usr_admin') })
  const revoked = clientSecretRevoked.of({ data: { secretId: body.items[0].id } })
  await system.service.tell('identity', { tenant, category: 'client-credentials', id }, revoked)
  expect(await works('elsewhere', id, secret as string)).toBe(false)
})

test('public clients keep no secret; unknown ones are not found; the first secret is handed out once', async () => {
  const tenant = await system.tenant('first')
  const as = user(tenant, 'usr_admin')
  const open = await system.client(tenant, 'first', spa)
  expect((await system.service.call('POST', `/api/v1/identity/clients/${open.id}/secrets`, { as, body: {} })).body).toMatchObject({
    code: 'identity.client.public',
  })
  expect((await system.service.call('POST', '/api/v1/identity/clients/cli_none/secrets', { as, body: {} })).status).toBe(404)
  const { id } = await system.client(tenant, 'first', machine)
  expect((await system.service.call('POST', `/api/v1/identity/tenants/${tenant}/clients/${id}/secrets`, { as })).body).toMatchObject({
    code: 'identity.client-secret.exists',
  })
})

test('a rotated key is published before it signs, and the old one verifies on', async () => {
  const tenant = await system.tenant('keys')
  const { config } = await system.client(tenant, 'keys', machine)
  const as = user(tenant, 'usr_admin')
  const token = async () => (await oidc.clientCredentialsGrant(config)).access_token
  const kidOf = (jwt: string) => decodeProtectedHeader(jwt).kid
  const published = async () => ((await (await fetch(`${system.issuer('keys')}/jwks`)).json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
  const old = await token()
  const slow = await system.service.call('POST', '/api/v1/identity/signing-keys/rotate', { as, body: { activeInSeconds: 3600 } })
  expect(slow.body.items).toMatchObject([{ kid: kidOf(old), signs: true }, { signs: false }])
  expect(await published()).toEqual(slow.body.items.map(({ kid }: { kid: string }) => kid))
  expect(kidOf(await token())).toBe(kidOf(old))
  const busy = await system.service.call('POST', '/api/v1/identity/signing-keys/rotate', { as, body: {} })
  expect(busy.body).toMatchObject({ code: 'identity.signing-key.rotating' })

  const other = await system.tenant('keys-now')
  const { config: urgent } = await system.client(other, 'keys-now', machine)
  const before = (await oidc.clientCredentialsGrant(urgent)).access_token
  await system.service.call('POST', '/api/v1/identity/signing-keys/rotate', { as: user(other, 'usr_admin'), body: { activeInSeconds: 0 } })
  const after = (await oidc.clientCredentialsGrant(urgent)).access_token
  expect(kidOf(after)).not.toBe(kidOf(before))
  const jwks = createRemoteJWKSet(new URL(`${system.issuer('keys-now')}/jwks`))
  for (const jwt of [before, after]) await jwtVerify(jwt, jwks, { issuer: system.issuer('keys-now'), audience: `${system.baseUrl}/api` })
})

test('a key that another copy of the service rotates signs when its event has come', async () => {
  const tenant = await system.tenant('keys-elsewhere')
  const { config } = await system.client(tenant, 'keys-elsewhere', machine)
  const kid = async () => decodeProtectedHeader((await oidc.clientCredentialsGrant(config)).access_token).kid
  const before = await kid()
  // As in another process: nobody here listens to it.
  const elsewhere = new SigningKeyMaker(system.get(Aggregates), system.get(Clock), system.get(Ids))
  const { position } = orThrow(await elsewhere.rotate(tenant, 0, { actor: { type: 'system', id: 'spec' } }))
  await system.service.core.views.waitFor(position)
  expect(await kid()).not.toBe(before)
})

test('no private key and no hash of a secret is in what other services hear', async () => {
  const tenant = await system.tenant('bus')
  await system.client(tenant, 'bus', machine)
  const heard = await system.events(tenant)
  expect(heard.map(({ type }) => type).sort()).toEqual(['client-secret.created', 'signing-key.created'])
  for (const { data } of heard) expect(JSON.stringify(data)).not.toMatch(/"d":|sha256/)
})

test('signing keys lie encrypted at rest', async () => {
  const tenant = await system.tenant('rest')
  const { keys } = await system.get(SigningKeyMaker).ensure(tenant)
  const secret = keys[0]?.privateJwk?.d as string
  expect(secret).toMatch(/^[\w-]{43}$/)
  const stored = await system.service.core.store.read({ tenant, category: 'signing-key', id: tenant })
  expect(stored.map(({ type }) => type)).toEqual(['signing-key.created'])
  expect(JSON.stringify(stored)).toContain(keys[0]?.kid)
  expect(JSON.stringify(stored)).not.toContain(secret)
})
