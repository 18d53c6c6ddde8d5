import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { resourceDefined, type ClientSettings } from '@pavan/contracts'
import { callback, machine, ProviderUnderTest, spa, type PlayedClient } from '../spec/provider-under-test.js'

let system: ProviderUnderTest
let tenant: string
const grantTypes: ClientSettings['grantTypes'] = ['authorization_code', 'refresh_token']
const web = { kind: 'web', grantTypes, firstParty: true } as const
const slug = 'states'
const offline = { scope: 'openid offline_access', prompt: 'consent' }
beforeAll(async () => {
  system = await ProviderUnderTest.start()
  tenant = await system.tenant(slug)
})
afterAll(() => system.close())

const signIn = async (client: PlayedClient, parameters: Record<string, string> = offline) => system.signIn(client, undefined, parameters)
const isActive = async (client: PlayedClient, token: string) => (await oidc.tokenIntrospection(client.config, token)).active

describe('introspection (RFC 7662)', () => {
  it('tells a client what its own refresh token is, and nothing of one that is not a token', async () => {
    const client = await system.client(tenant, slug, web)
    const { refresh_token } = await signIn(client)
    expect(await oidc.tokenIntrospection(client.config, refresh_token as string)).toMatchObject({
      active: true,
      client_id: client.id,
      sub: 'usr_ada',
      iss: system.issuer(slug),
      exp: expect.any(Number),
    })
    expect(await oidc.tokenIntrospection(client.config, 'nonsense')).toEqual({ active: false })
  })

  it('says inactive once the token is revoked or rotated', async () => {
    const client = await system.client(tenant, slug, web)
    const revoked = (await signIn(client)).refresh_token as string
    await oidc.tokenRevocation(client.config, revoked)
    expect(await isActive(client, revoked)).toBe(false)

    const rotated = (await signIn(client)).refresh_token as string
    const next = (await oidc.refreshTokenGrant(client.config, rotated)).refresh_token as string
    expect([await isActive(client, rotated), await isActive(client, next)]).toEqual([false, true])
  })

  it('needs the client to prove who it is', async () => {
    const client = await system.client(tenant, slug, web)
    const { refresh_token } = await signIn(client)
    const body = new URLSearchParams({ token: refresh_token as string, client_id: client.id, client_secret: 'wrong' })
    const response = await fetch(client.config.serverMetadata().introspection_endpoint as string, { method: 'POST', body })
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([401, 'invalid_client'])
  })

  it('tells a client of another tenant nothing', async () => {
    const other = await system.tenant('states-other')
    const client = await system.client(tenant, slug, web)
    const stranger = await system.client(other, 'states-other', web)
    const { refresh_token } = await signIn(client)
    expect(await oidc.tokenIntrospection(stranger.config, refresh_token as string)).toEqual({ active: false })
    expect(await isActive(client, refresh_token as string)).toBe(true)
  })
})

describe('revocation (RFC 7009)', () => {
  it('of a refresh token ends its family, and is answered with 200 however often', async () => {
    const client = await system.client(tenant, slug, web)
    const first = (await signIn(client)).refresh_token as string
    const second = (await oidc.refreshTokenGrant(client.config, first)).refresh_token as string
    await oidc.tokenRevocation(client.config, second)
    await oidc.tokenRevocation(client.config, second)
    await expect(oidc.refreshTokenGrant(client.config, second)).rejects.toMatchObject({ error: 'invalid_grant' })
    await oidc.tokenRevocation(client.config, 'never was a token')
  })

  it('by another client changes nothing', async () => {
    const [client, thief] = [await system.client(tenant, slug, web), await system.client(tenant, slug, web)]
    const { refresh_token } = await signIn(client)
    await oidc.tokenRevocation(thief.config, refresh_token as string).catch(() => undefined)
    expect((await oidc.refreshTokenGrant(client.config, refresh_token as string)).access_token).toBeTruthy()
  })

  it('of 20 at once does not let one refresh through afterwards', async () => {
    const client = await system.client(tenant, slug, web)
    const { refresh_token } = await signIn(client)
    await Promise.all(Array.from({ length: 20 }, () => oidc.tokenRevocation(client.config, refresh_token as string)))
    await expect(oidc.refreshTokenGrant(client.config, refresh_token as string)).rejects.toMatchObject({ error: 'invalid_grant' })
  })
})

describe('pushed authorization requests (RFC 9126)', () => {
  const push = async (client: PlayedClient, parameters: Record<string, string> = {}) => {
    const verifier = oidc.randomPKCECodeVerifier()
    const challenge = { code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }
    const url = await oidc.buildAuthorizationUrlWithPAR(client.config, { redirect_uri: callback, scope: 'openid', ...challenge, ...parameters })
    return { url, verifier }
  }

  it('carry the whole request; what is added to the URL later does not count', async () => {
    const client = await system.client(tenant, slug, web)
    const { url, verifier } = await push(client, { state: 'pushed' })
    expect([...url.searchParams.keys()].toSorted()).toEqual(['client_id', 'request_uri'])
    url.searchParams.set('redirect_uri', 'https://evil.example/callback')
    const visit = await system.browser().visit(url)
    expect(visit.url.href.startsWith(callback)).toBe(true)
    expect(visit.url.searchParams.get('state')).toBe('pushed')
    const tokens = await oidc.authorizationCodeGrant(client.config, visit.url, { pkceCodeVerifier: verifier, expectedState: 'pushed' })
    expect(tokens.claims()).toMatchObject({ sub: 'usr_ada', aud: client.id })
  })

  it('are refused where they are pushed: an address that is not registered, a secret that is wrong', async () => {
    const client = await system.client(tenant, slug, web)
    await expect(push(client, { redirect_uri: 'https://evil.example/callback' })).rejects.toMatchObject({ error: 'invalid_request' })
    const body = new URLSearchParams({ client_id: client.id, client_secret: 'wrong', response_type: 'code', redirect_uri: callback })
    const response = await fetch(client.config.serverMetadata().pushed_authorization_request_endpoint as string, { method: 'POST', body })
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([401, 'invalid_client'])
  })

  it('cannot be used by another client', async () => {
    const [client, thief] = [await system.client(tenant, slug, web), await system.client(tenant, slug, web)]
    const { url } = await push(client)
    url.searchParams.set('client_id', thief.id)
    const visit = await system.browser().visit(url)
    expect(visit.url.searchParams.has('code')).toBe(false)
  })
})

describe('resource indicators (RFC 8707)', () => {
  const indicator = 'https://orders.example/api'
  beforeAll(() =>
    system.service.tell(
      'authorization',
      { tenant, category: 'resource', id: 'orders' },
      resourceDefined.of({ data: { key: 'orders', name: 'Orders', indicator, privileges: [{ action: 'read' }, { action: 'write' }] } }),
    ),
  )

  it('give a person a token for that API alone, also when it is refreshed', async () => {
    const client = await system.client(tenant, slug, spa)
    const { visit, verifier } = await system.authorize(client, undefined, { ...offline, resource: indicator })
    const tokens = await oidc.authorizationCodeGrant(client.config, visit.url, { pkceCodeVerifier: verifier }, { resource: indicator })
    expect(decodeJwt(tokens.access_token)).toMatchObject({ aud: indicator, sub: 'usr_ada', tenant })
    const next = await oidc.refreshTokenGrant(client.config, tokens.refresh_token as string, { resource: indicator })
    expect(decodeJwt(next.access_token).aud).toBe(indicator)
  })

  it('that nobody registered are refused', async () => {
    const client = await system.client(tenant, slug, machine)
    await expect(oidc.clientCredentialsGrant(client.config, { resource: 'https://unknown.example/api' })).rejects.toMatchObject({ error: 'invalid_target' })
  })
})
