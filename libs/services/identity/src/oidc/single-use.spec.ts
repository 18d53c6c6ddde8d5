/** Promise 2: of many parallel uses of one thing exactly one succeeds, and nobody gets a server error. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'
import * as oidc from 'openid-client'
import type { ClientSettings } from '@pavan/contracts'
import { Sessions } from '../session/sessions.js'
import { Interactions } from './interaction.js'
import { callback, machine, PlayedAccounts, ProviderUnderTest, spa, type PlayedClient } from '../spec/provider-under-test.js'

let system: ProviderUnderTest
beforeAll(async () => {
  system = await ProviderUnderTest.start()
})
afterAll(() => system.close())

const parallel = 20

interface Outcome {
  readonly status: number
  readonly body: { readonly error?: string; readonly refresh_token?: string; readonly access_token?: string }
}

const post = async (slug: string, parameters: Record<string, string>, headers: Record<string, string> = {}): Promise<Outcome> => {
  const response = await fetch(`${system.issuer(slug)}/token`, { method: 'POST', body: new URLSearchParams(parameters), headers })
  return { status: response.status, body: (await response.json()) as Outcome['body'] }
}

const many = <T>(one: (n: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: parallel }, (_, n) => one(n)))

const winnersOf = (outcomes: readonly Outcome[], error = 'invalid_grant'): readonly Outcome[] => {
  const winners = outcomes.filter(({ status }) => status === 200)
  expect(outcomes.filter(({ status }) => status !== 200).map(({ status, body }) => `${status} ${body.error}`)).toEqual(
    Array.from({ length: parallel - winners.length }, () => `400 ${error}`),
  )
  return winners
}

const refresh = (slug: string, client: PlayedClient, token: string) => post(slug, { grant_type: 'refresh_token', client_id: client.id, refresh_token: token })

test('an authorization code', async () => {
  const tenant = await system.tenant('codes')
  const client = await system.client(tenant, 'codes', spa)
  const { visit, verifier } = await system.authorize(client)
  const code = visit.url.searchParams.get('code') as string
  const outcomes = await many(() =>
    post('codes', { grant_type: 'authorization_code', client_id: client.id, code, redirect_uri: callback, code_verifier: verifier }),
  )
  const winners = winnersOf(outcomes)
  expect(winners).toHaveLength(1)
  // RFC 6749 section 4.1.2: what a code gave that came twice is worth nothing.
  expect((await refresh('codes', client, winners[0]?.body.refresh_token as string)).body.error).toBe('invalid_grant')
})

test('a refresh token; the others end its family and its session', async () => {
  const tenant = await system.tenant('refresh')
  const client = await system.client(tenant, 'refresh', spa)
  const first = (await system.signIn(client)).refresh_token as string
  const winners = winnersOf(await many(() => refresh('refresh', client, first)))
  expect(winners).toHaveLength(1)
  expect((await refresh('refresh', client, winners[0]?.body.refresh_token as string)).body.error).toBe('invalid_grant')
  const events = await system.events(tenant)
  expect(events.filter(({ type }) => type === 'refresh-token.reused').length).toBeGreaterThan(0)
  expect(events.filter(({ type }) => type === 'session.ended').map(({ data }) => data)).toEqual([{ user: 'usr_ada', reason: 'refresh-token-reuse' }])
})

test('a refresh token rotates many times, and any older one ends the family', async () => {
  const tenant = await system.tenant('rotation')
  const client = await system.client(tenant, 'rotation', spa)
  const tokens = [(await system.signIn(client)).refresh_token as string]
  for (let n = 0; n < 5; n++) tokens.push((await refresh('rotation', client, tokens.at(-1) as string)).body.refresh_token as string)
  expect(new Set(tokens).size).toBe(6)
  expect((await refresh('rotation', client, tokens[1] as string)).body.error).toBe('invalid_grant')
  expect((await refresh('rotation', client, tokens[5] as string)).body.error).toBe('invalid_grant')
  expect(await system.events(tenant, 'refresh-token.reused')).toMatchObject([
    { data: { user: 'usr_ada', client: client.id, session: expect.stringMatching(/^ses_/) } },
  ])
})

test('a refresh token that is refused for another reason is still good', async () => {
  const tenant = await system.tenant('kept')
  const client = await system.client(tenant, 'kept', spa)
  const first = (await system.signIn(client)).refresh_token as string
  const wrong = await post('kept', { grant_type: 'refresh_token', client_id: client.id, refresh_token: first, resource: 'https://nowhere.example' })
  expect(wrong).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
  expect((await refresh('kept', client, first)).status).toBe(200)
})

test('a guessed member of no family is nothing', async () => {
  const tenant = await system.tenant('guess')
  const client = await system.client(tenant, 'guess', spa)
  expect((await refresh('guess', client, 'x'.repeat(65))).body.error).toBe('invalid_grant')
  expect((await refresh('guess', client, '')).status).toBe(400)
  expect(await system.events(tenant, 'refresh-token.reused')).toEqual([])
})

test('the jti of a DPoP proof (RFC 9449)', async () => {
  const tenant = await system.tenant('jti')
  const { id, secret } = await system.client(tenant, 'jti', machine)
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  const proof = await new SignJWT({ htm: 'POST', htu: `${system.issuer('jti')}/token`, jti: await calculateJwkThumbprint(jwk) })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
    .setIssuedAt()
    .sign(privateKey)
  const outcomes = await many(() => post('jti', { grant_type: 'client_credentials', client_id: id, client_secret: String(secret) }, { dpop: proof }))
  expect(outcomes.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(new Set(outcomes.filter(({ status }) => status !== 200).map(({ status }) => status))).toEqual(new Set([400]))
  expect(await system.events(tenant, 'access-token.issued')).toHaveLength(1)
})

test('the jti of a client assertion (RFC 7523)', async () => {
  const tenant = await system.tenant('assertion')
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const key = { ...(await exportJWK(publicKey)), kid: 'one' } as NonNullable<ClientSettings['publicKeys']>[number]
  const { id } = await system.client(tenant, 'assertion', { ...machine, publicKeys: [key] })
  const assertion = (jti: string, signedBy = privateKey) =>
    new SignJWT({ jti })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer(id)
      .setSubject(id)
      .setAudience(system.issuer('assertion'))
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(signedBy)
  const use = (client_assertion: string) =>
    post('assertion', {
      grant_type: 'client_credentials',
      client_id: id,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion,
    })
  const once = await assertion('once')
  const outcomes = await many(() => use(once))
  expect(outcomes.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(new Set(outcomes.filter(({ status }) => status !== 200).map(({ status, body }) => `${status} ${body.error}`))).toEqual(new Set(['401 invalid_client']))
  expect((await use(await assertion('another'))).status).toBe(200)
  const forged = await generateKeyPair('ES256')
  expect(await use(await assertion('forged', forged.privateKey))).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  // A secret of such a client would be a second, weaker way in.
  expect((await post('assertion', { grant_type: 'client_credentials', client_id: id, client_secret: 'anything' })).status).toBe(401)
  expect(await system.events(tenant, 'access-token.issued')).toHaveLength(2)
})

test('a pushed authorization request (RFC 9126)', async () => {
  const tenant = await system.tenant('pushed')
  const client = await system.client(tenant, 'pushed', spa)
  const browser = system.browser()
  await system.signIn(client, browser)
  const verifier = oidc.randomPKCECodeVerifier()
  const parameters = { redirect_uri: callback, scope: 'openid', code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }
  const url = await oidc.buildAuthorizationUrlWithPAR(client.config, parameters)
  const { cookies } = browser
  const visits = await many(async () => {
    const other = system.browser()
    other.cookies = cookies
    return other.visit(url)
  })
  expect(visits.filter((visit) => visit.url.searchParams.has('code'))).toHaveLength(1)
  expect(visits.every(({ status }) => status < 500)).toBe(true)
})

test('an access token of a person who is blocked meanwhile opens nothing', async () => {
  const tenant = await system.tenant('blocked')
  system.person('usr_eve', { email: 'eve@example.org' })
  const client = await system.client(tenant, 'blocked', spa)
  const tokens = await system.signIn(client, system.browser({ 'x-spec-user': 'usr_eve' }))
  system.person('usr_eve', { status: 'blocked' })
  await expect(oidc.fetchUserInfo(client.config, tokens.access_token, 'usr_eve')).rejects.toThrow(/./)
  expect((await refresh('blocked', client, tokens.refresh_token as string)).body.error).toBe('invalid_grant')
})

test('twenty answers to one sign-in page: one session lives, and one code is given', async () => {
  const tenant = await system.tenant('resumed')
  const client = await system.client(tenant, 'resumed', spa)
  const browser = system.browser()
  browser.pauseAt = /\/interaction\/[^/]+$/
  const { visit: page } = await system.authorize(client, browser)
  browser.pauseAt = undefined
  // Nobody signs in before all have found the request.
  const everybody = Promise.withResolvers<void>()
  const interactions = system.get(Interactions)
  const load = interactions.load.bind(interactions)
  let come = 0
  const loading = jest.spyOn(interactions, 'load').mockImplementation(async (exchange, uid) => {
    const found = await load(exchange, uid)
    if (++come === parallel) everybody.resolve()
    await everybody.promise
    return found
  })
  const visits = await many(() => browser.copy().visit(page.url))
  loading.mockRestore()
  const winners = visits.filter((visit) => visit.url.searchParams.has('code'))
  expect(winners).toHaveLength(1)
  const others = visits.filter(({ status }) => status >= 400)
  expect(others.filter(({ status }) => status !== 400 && status !== 404)).toEqual([])
  expect(others.flatMap(({ headers }) => headers.getSetCookie())).toEqual([])
  const alive = await system.get(Sessions).list(tenant, 'usr_ada')
  expect(alive).toHaveLength(1)
  expect((await system.events(tenant)).map(({ type }) => type).slice(1)).toEqual(['session.started', 'sign-in.succeeded'])
})

test('a session that is ended while it signs in again gives no code, and its cookie is nobody', async () => {
  const tenant = await system.tenant('overtaken')
  const client = await system.client(tenant, 'overtaken', spa)
  const browser = system.browser()
  await system.authorize(client, browser)
  const accounts = system.get(PlayedAccounts)
  let ended = 0
  // The provider looks the person up on the way back, when the page has already found the session alive.
  const look = jest.spyOn(accounts, 'status').mockImplementation(async (_, user) => {
    if (ended === 0 && (await system.events(tenant, 'sign-in.succeeded')).length === 2)
      ended = await system.get(Sessions).endAll(tenant, 'usr_ada', 'revoked', { meta: { actor: { type: 'system', id: 'spec' } } })
    return accounts.people.get(user)?.status
  })
  const { visit } = await system.authorize(client, browser, { prompt: 'login' })
  look.mockRestore()
  expect(ended).toBe(1)
  expect(visit).toMatchObject({ status: 400, body: expect.stringContaining('login_required') })
  expect(visit.headers.getSetCookie()).toEqual([])
  expect(JSON.parse((await browser.visit(`${system.issuer('overtaken')}/account`)).body)).toEqual({})
})
