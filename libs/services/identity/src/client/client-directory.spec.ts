/** Tenants and clients that were just made elsewhere: whoever uses them at once is not told that there is no such thing. */
import { clientRegistered, clientSettings, resourceDefined, tenantCreated } from '@pavan/contracts'
import * as oidc from 'openid-client'
import { ShortWait } from '@pavan/platform/service/short-wait.js'
import { user } from '@pavan/platform/testing/service-under-test.js'
import { until } from '@pavan/platform/testing/until.js'
import { callback, machine, ProviderUnderTest, spa } from '../spec/provider-under-test.js'

let system: ProviderUnderTest
beforeAll(async () => {
  system = await ProviderUnderTest.start()
  system.everybodyMay()
})
afterAll(() => system.close())

/** Lets an event come when something was looked for in vain, and answers what the request got. */
const cameLate = async <T>(request: () => Promise<T>, comes: () => Promise<unknown>): Promise<T> => {
  const { find } = ShortWait.prototype
  let inVain = false
  const spy = jest.spyOn(ShortWait.prototype, 'find').mockImplementation(function (this: ShortWait, look) {
    return find.call(this, async () => {
      const found = await look()
      inVain ||= found === undefined
      return found
    }) as never
  })
  try {
    const answer = request()
    await until(() => inVain, 'a wait')
    await comes()
    return await answer
  } finally {
    spy.mockRestore()
  }
}
const register = (tenant: string, id: string, settings: typeof spa | typeof machine) => {
  const redirectUris = settings.kind === 'machine' ? [] : [callback]
  const data = { application: system.id('application'), settings: clientSettings.parse({ name: 'Client', redirectUris, ...settings }) }
  return system.service.tell('admin', { tenant, category: 'client', id }, clientRegistered.of({ data }))
}

test('the issuer of a tenant answers that is only on its way', async () => {
  const id = system.id('tenant')
  const comes = () => system.service.tell('admin', { tenant: id, category: 'tenant', id }, tenantCreated.of({ data: { slug: 'late', name: 'Late' } }))
  const answer = await cameLate(() => fetch(`${system.issuer('late')}/.well-known/openid-configuration`), comes)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ issuer: system.issuer('late') })
})

describe('a client that is only on its way', () => {
  test('gets a secret', async () => {
    const tenant = await system.tenant('late-secret')
    const id = system.id('client')
    const path = `/api/v1/identity/clients/${id}/secrets`
    const answer = await cameLate(
      () => system.service.call('POST', path, { as: user(tenant, 'usr_admin'), body: {} }),
      () => register(tenant, id, machine),
    )
    expect(answer).toMatchObject({ status: 201, body: { client: id, secret: expect.any(String) } })
  })

  test('sends people to sign in', async () => {
    const tenant = await system.tenant('late-client')
    // The provider of the tenant is there already.
    await fetch(`${system.issuer('late-client')}/jwks`)
    const id = system.id('client')
    const parameters = {
      client_id: id,
      redirect_uri: callback,
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    }
    const url = `${system.issuer('late-client')}/auth?${new URLSearchParams(parameters)}`
    const answer = await cameLate(
      () => fetch(url, { redirect: 'manual' }),
      () => register(tenant, id, spa),
    )
    expect([answer.status, new URL(answer.headers.get('location') as string, url).pathname]).toEqual([303, expect.stringContaining('/interaction/')])
  })
})

test('a token is made for an API that is only on its way', async () => {
  const tenant = await system.tenant('late-api')
  const { config } = await system.client(tenant, 'late-api', machine)
  const indicator = 'https://orders.example'
  const data = { key: 'order', name: 'Orders', indicator, privileges: [{ action: 'read' }] }
  const tokens = await cameLate(
    () => oidc.clientCredentialsGrant(config, { resource: indicator }),
    () => system.service.tell('authorization', { tenant, category: 'resource', id: 'order' }, resourceDefined.of({ data })),
  )
  expect(tokens.access_token).toBeDefined()
})

test('a client that nobody registers is unknown in the end', async () => {
  await system.tenant('never')
  const answer = await fetch(`${system.issuer('never')}/auth?client_id=cli_none&response_type=code`, { redirect: 'manual' })
  expect(answer.status).toBe(400)
  expect(await answer.text()).toContain('invalid_client')
})
