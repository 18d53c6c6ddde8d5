import * as oidc from 'openid-client'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { Browser } from '../spec/browser.js'
import { ProviderUnderTest } from '../spec/provider-under-test.js'

let system: ProviderUnderTest
beforeAll(async () => {
  system = await ProviderUnderTest.start()
})
afterAll(() => system.close())

describe('client credentials', () => {
  it('given a machine client, when it asks for a token, then it gets a JWT for the management API and one event says so', async () => {
    const tenant = await system.tenant('machines')
    const { id, secret } = await system.client(tenant, { kind: 'machine', grantTypes: ['client_credentials'] })
    const config = await oidc.discovery(new URL(system.issuer('machines')), id, secret, undefined, { execute: [oidc.allowInsecureRequests] })
    const tokens = await oidc.clientCredentialsGrant(config)
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' })
    const claims = decodeJwt(tokens.access_token)
    expect(claims).toMatchObject({ iss: system.issuer('machines'), aud: `${system.baseUrl}/api`, sub: id, client_id: id, tenant })
    expect((claims.exp as number) - (claims.iat as number)).toBeLessThanOrEqual(600)
    expect(await system.events(tenant, 'access-token.issued')).toMatchObject([
      { data: { client: id, grant: 'client_credentials', resource: `${system.baseUrl}/api` }, meta: { client: id } },
    ])
  })
})

describe('authorization code', () => {
  it('given a person, when they sign in through a first-party client, then there is no consent and the tokens are theirs', async () => {
    const tenant = await system.tenant('people')
    const { id } = await system.client(tenant, { kind: 'spa', grantTypes: ['authorization_code', 'refresh_token'], firstParty: true })
    const config = await oidc.discovery(new URL(system.issuer('people')), id, undefined, oidc.None(), { execute: [oidc.allowInsecureRequests] })
    const verifier = oidc.randomPKCECodeVerifier()
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: 'http://rp.test/callback',
      scope: 'openid email profile',
      state: 's',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
    const browser = new Browser(system.baseUrl)
    const visit = await browser.visit(url)
    expect({ steps: visit.steps, host: visit.url.host }).toEqual({ steps: ['login'], host: 'rp.test' })
    const tokens = await oidc.authorizationCodeGrant(config, visit.url, { pkceCodeVerifier: verifier, expectedState: 's' })
    const claims = await oidc.fetchUserInfo(config, tokens.access_token, 'usr_ada')
    expect(claims).toMatchObject({ sub: 'usr_ada', email: 'ada@example.org', email_verified: true, name: 'Ada' })
    const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token as string, { resource: `${system.baseUrl}/api` })
    expect(decodeJwt(refreshed.access_token)).toMatchObject({ sub: 'usr_ada', tenant, client_id: id, sid: expect.stringMatching(/^ses_/) })
    expect((await system.events(tenant)).map(({ type }) => type)).toEqual(['signing-key.created', 'session.started', 'sign-in.succeeded'])
  })
})
