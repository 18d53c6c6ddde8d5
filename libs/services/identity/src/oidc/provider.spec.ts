import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import * as oidc from 'openid-client'
import { clientUpdated, clientSettings, profileChanged, resourceDefined, tenantSettingsSet, tenantSettings } from '@pavan/contracts'
import { callback, machine, ProviderUnderTest, spa } from '../spec/provider-under-test.js'
import type { Browser, Visit } from '../spec/browser.js'
import { TokenFacts } from './token-facts.js'

let system: ProviderUnderTest
beforeAll(async () => {
  system = await ProviderUnderTest.start()
})
afterAll(() => system.close())

describe('the issuer of a tenant', () => {
  it('publishes its metadata and keys, whatever Host header is sent', async () => {
    await system.tenant('meta')
    const response = await fetch(`${system.issuer('meta')}/.well-known/openid-configuration`, { headers: { 'x-forwarded-host': 'evil.test' } })
    const metadata = (await response.json()) as Record<string, unknown>
    expect(metadata).toMatchObject({
      issuer: system.issuer('meta'),
      jwks_uri: `${system.issuer('meta')}/jwks`,
      token_endpoint: `${system.issuer('meta')}/token`,
      pushed_authorization_request_endpoint: `${system.issuer('meta')}/request`,
      code_challenge_methods_supported: ['S256'],
      id_token_signing_alg_values_supported: ['ES256'],
      ui_locales_supported: ['en', 'ar'],
      backchannel_logout_supported: true,
    })
    const { keys } = (await (await fetch(`${system.issuer('meta')}/jwks`)).json()) as { keys: Record<string, unknown>[] }
    expect(keys).toHaveLength(1)
    expect(keys[0]).toMatchObject({ alg: 'ES256', kty: 'EC', use: 'sig', kid: expect.stringMatching(/^key_/) })
    expect(keys[0]).not.toHaveProperty('d')
  })

  it('does not exist for an unknown tenant', async () => {
    const response = await fetch(`${system.issuer('nobody')}/.well-known/openid-configuration`)
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ code: 'request.route.not-found' })
  })
})

describe('client credentials', () => {
  it('given a machine client, when it asks for a token, then it gets a JWT for the management API and one event says so', async () => {
    const tenant = await system.tenant('machines')
    const { id, config } = await system.client(tenant, 'machines', machine)
    const tokens = await oidc.clientCredentialsGrant(config)
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' })
    const claims = decodeJwt(tokens.access_token)
    expect(claims).toMatchObject({ iss: system.issuer('machines'), aud: `${system.baseUrl}/api`, sub: id, client_id: id, tenant })
    expect((claims.exp as number) - (claims.iat as number)).toBeLessThanOrEqual(600)
    const issued = await system.events(tenant, 'access-token.issued')
    expect(issued).toMatchObject([
      { data: { client: id, grant: 'client_credentials', resource: `${system.baseUrl}/api` }, meta: { client: id }, stream: { id: claims.jti } },
    ])
  })

  it('given that the event cannot be written, then no token leaves', async () => {
    const tenant = await system.tenant('unwritten')
    const { id, secret, config } = await system.client(tenant, 'unwritten', machine)
    const broken = jest.spyOn(system.get(TokenFacts), 'issued').mockRejectedValueOnce(new Error('disk full'))
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: String(secret) })
    const response = await fetch(`${system.issuer('unwritten')}/token`, { method: 'POST', body })
    expect([response.status, await response.json()]).toEqual([503, { error: 'temporarily_unavailable', error_description: 'try again' }])
    broken.mockRestore()
    expect((await oidc.clientCredentialsGrant(config)).access_token).toBeTruthy()
  })

  it('given an API with an indicator, then its tokens are for it, with the scopes that it offers and the client may have', async () => {
    const tenant = await system.tenant('apis')
    const indicator = 'https://orders.example'
    const data = { key: 'orders', name: 'Orders', indicator, privileges: [{ action: 'read' }, { action: 'write' }] }
    await system.service.tell('authorization', { tenant, category: 'resource', id: 'orders' }, resourceDefined.of({ data }))
    const { config } = await system.client(tenant, 'apis', { ...machine, scopes: ['orders:read'] })
    const tokens = await oidc.clientCredentialsGrant(config, { resource: indicator, scope: 'orders:read orders:write' })
    expect(decodeJwt(tokens.access_token)).toMatchObject({ aud: indicator, scope: 'orders:read' })
    await expect(oidc.clientCredentialsGrant(config, { resource: 'https://other.example' })).rejects.toMatchObject({ error: 'invalid_target' })
  })
})

describe('authorization code', () => {
  it('given a person, when they sign in through a first-party client, then there is no consent and the tokens are theirs', async () => {
    const tenant = await system.tenant('people')
    const client = await system.client(tenant, 'people', spa)
    const values = { givenName: 'Ada', phone: '+44 20', email: 'forged@example.org' }
    await system.service.tell(
      'profiles',
      { tenant, category: 'profile', id: 'usr_ada' },
      profileChanged.of({ data: { user: 'usr_ada', attributes: Object.keys(values) }, personal: { values } }),
    )
    const signedIn = await system.authorize(client, undefined, { scope: 'openid email profile phone' })
    expect({ steps: signedIn.visit.steps, host: signedIn.visit.url.host }).toEqual({ steps: ['login'], host: 'rp.test' })
    const tokens = await system.exchange(client, signedIn)
    expect(tokens.claims()).toMatchObject({ iss: system.issuer('people'), aud: client.id, sub: 'usr_ada', amr: ['pwd'] })
    expect(await oidc.fetchUserInfo(client.config, tokens.access_token, 'usr_ada')).toEqual({
      sub: 'usr_ada',
      email: 'ada@example.org',
      email_verified: true,
      name: 'Ada',
      given_name: 'Ada',
      phone_number: '+44 20',
      locale: 'en',
      updated_at: 1_700_000_000,
    })
    const refreshed = await oidc.refreshTokenGrant(client.config, tokens.refresh_token as string, { resource: `${system.baseUrl}/api` })
    expect(decodeJwt(refreshed.access_token)).toMatchObject({
      aud: `${system.baseUrl}/api`,
      sub: 'usr_ada',
      tenant,
      client_id: client.id,
      sid: expect.stringMatching(/^ses_/),
    })
    expect((await system.events(tenant)).map(({ type }) => type)).toEqual(['signing-key.created', 'session.started', 'sign-in.succeeded'])
  })

  it('given a public client, when it comes without PKCE, then it is refused', async () => {
    const tenant = await system.tenant('pkce')
    const { config } = await system.client(tenant, 'pkce', spa)
    const visit = await system.browser().visit(oidc.buildAuthorizationUrl(config, { redirect_uri: callback, scope: 'openid' }))
    expect(visit.url.searchParams.get('error')).toBe('invalid_request')
  })

  it('given an address that is not registered, then the browser is not sent there but told', async () => {
    const tenant = await system.tenant('redirect')
    const { config } = await system.client(tenant, 'redirect', spa)
    const visit = await system
      .browser({ accept: 'text/html' })
      .visit(oidc.buildAuthorizationUrl(config, { redirect_uri: 'http://evil.test/', scope: 'openid' }))
    expect(visit.status).toBe(400)
    expect(visit.body).toContain('invalid_redirect_uri')
  })

  it('given a session, when another client asks, then the person is signed in without a page, and that is a sign-in by sso, once', async () => {
    const tenant = await system.tenant('sso')
    const [first, second] = [await system.client(tenant, 'sso', spa), await system.client(tenant, 'sso', spa)]
    const browser = system.browser()
    await system.signIn(first, browser)
    const { visit } = await system.authorize(second, browser)
    expect([visit.steps, visit.url.searchParams.has('code')]).toEqual([[], true])
    expect((await system.authorize(second, browser, { prompt: 'none' })).visit.url.searchParams.has('code')).toBe(true)
    expect((await system.events(tenant, 'sign-in.succeeded')).map(({ data }) => [data.method, data.client])).toEqual([
      ['password', first.id],
      ['sso', second.id],
    ])
  })

  it("given another's client, then consent is asked once, for what is new", async () => {
    const tenant = await system.tenant('consent')
    const client = await system.client(tenant, 'consent', { ...spa, firstParty: false })
    expect((await system.authorize(client, undefined, { scope: 'openid email' })).visit.steps).toEqual(['login', 'consent email'])
    expect((await system.authorize(client, undefined, { scope: 'openid email' })).visit.steps).toEqual(['login'])
    expect((await system.authorize(client, undefined, { scope: 'openid email profile' })).visit.steps).toEqual(['login', 'consent email profile'])
    expect((await system.events(tenant, 'consent.given')).map(({ data }) => data.scopes)).toEqual([
      ['openid', 'email'],
      ['openid', 'email', 'profile'],
    ])
  })

  it('given somebody who does not want to, then the client is told', async () => {
    const tenant = await system.tenant('refuse')
    const client = await system.client(tenant, 'refuse', spa)
    const { visit } = await system.authorize(client, system.browser({ 'x-spec-refuse': '1' }))
    expect(visit.url.searchParams.get('error')).toBe('access_denied')
  })

  it('given another person at the same browser, then the first session ends and the second begins', async () => {
    const tenant = await system.tenant('switch')
    system.person('usr_bob')
    const client = await system.client(tenant, 'switch', spa)
    const browser = system.browser()
    await system.signIn(client, browser)
    browser.headers['x-spec-user'] = 'usr_bob'
    const { visit } = await system.authorize(client, browser, { prompt: 'login' })
    const switched = await submitted(browser, visit)
    expect(switched.url.searchParams.has('code')).toBe(true)
    expect((await system.events(tenant)).map(({ type, data }) => `${type} ${data.user ?? ''}`).slice(1)).toEqual([
      'session.started usr_ada',
      'sign-in.succeeded usr_ada',
      'session.started usr_bob',
      'sign-in.succeeded usr_bob',
      'session.ended usr_ada',
    ])
  })

  it('given somebody who signed in in another window meanwhile, then the way back still knows who answered the first page', async () => {
    const tenant = await system.tenant('windows')
    system.person('usr_bob')
    const client = await system.client(tenant, 'windows', spa)
    const browser = system.browser()
    browser.pauseAt = /\/interaction\/[^/]+$/
    const { visit: first } = await system.authorize(client, browser)
    browser.pauseAt = undefined
    await system.signIn(client, browser)
    const answer = await browser.visit(first.url, { headers: { 'x-spec-user': 'usr_bob' } })
    const switched = await submitted(browser, answer)
    expect(switched.steps).toEqual([])
    expect(switched.url.searchParams.has('code')).toBe(true)
    expect((await system.events(tenant, 'sign-in.succeeded')).map(({ data }) => data.user)).toEqual(['usr_ada', 'usr_bob'])
  })

  it('given pushed authorization requests only, then others are refused', async () => {
    const tenant = await system.tenant('par')
    const client = await system.client(tenant, 'par', { ...spa, requirePushedAuthorizationRequests: true })
    expect((await system.authorize(client)).visit.url.searchParams.get('error')).toBe('invalid_request')
    const verifier = oidc.randomPKCECodeVerifier()
    const parameters = {
      redirect_uri: callback,
      scope: 'openid',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }
    const visit = await system.browser().visit(await oidc.buildAuthorizationUrlWithPAR(client.config, parameters))
    expect((await system.exchange(client, { visit, verifier })).access_token).toBeTruthy()
  })
})

describe('settings and clients', () => {
  it('given other lifetimes and another client name, then they hold from the next request on', async () => {
    const tenant = await system.tenant('settings')
    const { id, config } = await system.client(tenant, 'settings', machine)
    const lifetime = async () => (await oidc.clientCredentialsGrant(config)).expires_in
    expect(await lifetime()).toBe(600)
    const settings = tenantSettings.parse({ lifetimes: { accessTokenSeconds: 60 } })
    await system.service.tell('admin', { tenant, category: 'tenant-settings', id: tenant }, tenantSettingsSet.of({ data: { settings } }))
    expect(await lifetime()).toBe(60)
    const updated = clientSettings.parse({ name: 'Client', kind: 'machine', grantTypes: [] })
    await system.service.tell('admin', { tenant, category: 'client-update', id }, clientUpdated.of({ data: { application: 'app_1', settings: updated } }))
    await expect(lifetime()).rejects.toMatchObject({ error: 'invalid_request' })
  })

  it('given two tenants, then a client, a session and a token of one are nothing in the other', async () => {
    const [one, two] = [await system.tenant('one'), await system.tenant('two')]
    const [here, there] = [await system.client(one, 'one', spa), await system.client(two, 'two', spa)]
    const browser = system.browser()
    const tokens = await system.signIn(here, browser)
    expect((await system.authorize(there, browser)).visit.steps).toEqual(['login'])
    await expect(oidc.refreshTokenGrant(there.config, tokens.refresh_token as string)).rejects.toMatchObject({ error: 'invalid_grant' })
    const stranger = await oidc.discovery(new URL(system.issuer('two')), here.id, undefined, oidc.None(), { execute: [oidc.allowInsecureRequests] })
    await expect(oidc.refreshTokenGrant(stranger, tokens.refresh_token as string)).rejects.toMatchObject({ error: 'invalid_client' })
    const jwks = (await (await fetch(`${system.issuer('two')}/jwks`)).json()) as Parameters<typeof createLocalJWKSet>[0]
    await expect(jwtVerify(tokens.id_token as string, createLocalJWKSet(jwks))).rejects.toThrow(/no applicable key/)
  })
})

/** The one form of a page, as its script sends it. */
const submitted = (browser: Browser, { body }: Visit): Promise<Visit> => {
  const fields = Object.fromEntries([...body.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]))
  return browser.visit(/action="([^"]+)"/.exec(body)?.[1] as string, { method: 'POST', body: new URLSearchParams(fields) })
}
