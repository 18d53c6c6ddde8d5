import { createPublicKey, randomUUID } from 'node:crypto'
import { exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { until } from '@pavan/platform/testing/until.js'
import { GatewayUnderTest, type Key } from './spec/gateway-under-test.js'

let gateway: GatewayUnderTest
let a: Key
let b: Key
beforeAll(async () => {
  gateway = await GatewayUnderTest.start()
  a = await gateway.tenant('ten_a')
  b = await gateway.tenant('ten_b')
})
afterAll(() => gateway.close())

const ask = (token: string, path = '/api/v1/echo') => gateway.ask(path, { token })
const hour = 3_600_000
const minute = 60_000

/** The deadline of the promise: a revoked token is refused within a second of the revocation being acknowledged. */
const refusedInTime = async (token: string): Promise<void> => {
  const end = performance.now() + 1_000
  for (;;) {
    const late = performance.now() > end
    const { status } = await ask(token)
    if (status === 401) return
    if (late) throw new Error(`still ${status} after a second`)
  }
}

describe('an access token', () => {
  it('is accepted with the key that its tenant published by an event, and says who calls', async () => {
    const answer = await ask(await gateway.token('ten_a', a, { jti: 'jti_1' }))
    expect(answer).toMatchObject({
      status: 200,
      body: { tenant: 'ten_a', subject: { type: 'user', id: 'usr_ada' }, client: 'cli_web', session: 'ses_1', scopes: ['openid', 'profile'], jti: 'jti_1' },
    })
    const machine = await ask(await gateway.token('ten_a', a, { sub: 'cli_m', client_id: 'cli_m', sid: undefined, scope: undefined }))
    expect(machine.body).toEqual({ tenant: 'ten_a', subject: { type: 'client', id: 'cli_m' }, client: 'cli_m', scopes: [], jti: expect.any(String) })
  })

  const now = () => Math.floor(Date.now() / 1000)
  const publicPem = async () => {
    const { publicKey } = await generateKeyPair('ES256', { extractable: true })
    return exportSPKI(publicKey)
  }
  const bent: Record<string, () => Promise<string> | string> = {
    'is not a token': () => 'abc',
    'has another audience': () => gateway.token('ten_a', a, { aud: 'https://elsewhere.example/api' }),
    'has no audience': () => gateway.token('ten_a', a, { aud: undefined }),
    'has expired': () => gateway.token('ten_a', a, { exp: now() - 1 }),
    'never expires': () => gateway.token('ten_a', a, { exp: undefined }),
    'is not valid yet': () => gateway.token('ten_a', a, { nbf: now() + 600 }),
    'has the issuer of another tenant': () => gateway.token('ten_a', a, { iss: `${gateway.baseUrl}/t/ten-b` }),
    'has an issuer elsewhere': () => gateway.token('ten_a', a, { iss: 'https://evil.example/t/ten-a' }),
    'is an ID token': () => gateway.token('ten_a', a, {}, { typ: 'JWT' }),
    'is a logout token': () => gateway.token('ten_a', a, {}, { typ: 'logout+jwt' }),
    'has no key id': () => gateway.token('ten_a', a, {}, { kid: undefined }),
    'has an unknown key id': () => gateway.token('ten_a', { ...a, kid: randomUUID() }),
    'names no tenant': () => gateway.token('ten_a', a, { tenant: undefined }),
    'names a tenant that nobody knows': () => gateway.token('ten_c', a),
    'names no subject': () => gateway.token('ten_a', a, { sub: undefined }),
    'is signed by a stranger under a known key id': async () => gateway.token('ten_a', { kid: a.kid, privateKey: (await generateKeyPair('ES256')).privateKey }),
    'is signed with the key of another tenant': () => gateway.token('ten_a', { kid: a.kid, privateKey: b.privateKey }),
    'names the key of another tenant': () => gateway.token('ten_a', b),
    'is not signed': async () => {
      const [, payload] = (await gateway.token('ten_a', a)).split('.')
      return `${Buffer.from(JSON.stringify({ alg: 'none', kid: a.kid, typ: 'at+jwt' })).toString('base64url')}.${payload}.`
    },
    'is unsecured': () => new UnsecuredJWT({ tenant: 'ten_a', sub: 'usr_ada' }).encode(),
    'is signed with a public key as a shared secret': async () =>
      new SignJWT({ tenant: 'ten_a', sub: 'usr_ada', aud: `${gateway.baseUrl}/api`, iss: `${gateway.baseUrl}/t/ten-a`, exp: now() + 60 })
        .setProtectedHeader({ alg: 'HS256', kid: a.kid, typ: 'at+jwt' })
        .sign(Buffer.from(createPublicKey(await publicPem()).export({ type: 'spki', format: 'pem' }))),
    'was changed after it was signed': async () => {
      const [header, payload, signature] = (await gateway.token('ten_a', a)).split('.')
      const claims = JSON.parse(Buffer.from(payload as string, 'base64url').toString())
      return `${header}.${Buffer.from(JSON.stringify({ ...claims, sub: 'usr_eve' })).toString('base64url')}.${signature}`
    },
  }

  it.each(Object.keys(bent))('is refused when it %s, with the same words', async (how) => {
    const token = await (bent[how] as () => Promise<string> | string)()
    for (const answer of [await ask(token), await ask(token)]) {
      expect(answer.status).toBe(401)
      expect(answer.headers.get('content-type')).toContain('application/problem+json')
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
      expect(answer.body).toEqual({
        type: `${gateway.baseUrl}/problems/request.token.invalid`,
        title: 'The access token is not accepted',
        status: 401,
        detail: expect.any(String),
        code: 'request.token.invalid',
        instance: answer.headers.get('x-request-id'),
        trace_id: answer.headers.get('traceparent')?.split('-')[1],
      })
    }
  })

  it('is missing: that is said differently (RFC 6750 section 3.1), and open operations do not ask for one', async () => {
    const answer = await gateway.ask('/api/v1/echo')
    expect([answer.status, answer.body.code, answer.headers.get('www-authenticate')]).toEqual([401, 'request.token.missing', 'Bearer'])
    expect((await gateway.ask('/api/v1/echo/open')).status).toBe(200)
    expect((await ask('abc', '/api/v1/echo/open')).status).toBe(401)
    expect((await gateway.ask('/api/v1/echo', { headers: { authorization: 'Basic YTpi' } })).status).toBe(401)
  })

  it('in the query is not one (RFC 9700 section 4.3.2)', async () => {
    const token = await gateway.token('ten_a', a)
    expect((await gateway.ask(`/api/v1/echo?access_token=${token}`)).status).toBe(401)
  })

  it('is refused once it has expired, though it was accepted before', async () => {
    const token = await gateway.token('ten_a', a, { exp: now() + 200 })
    expect((await ask(token)).status).toBe(200)
    gateway.clock.ahead = 201_000
    try {
      expect((await ask(token)).status).toBe(401)
    } finally {
      gateway.clock.ahead = 0
    }
  })
})

describe('a rotation of keys', () => {
  it('lets both keys verify while they overlap, and then only the new one', async () => {
    const old = await gateway.tenant('ten_rotate')
    const before = await gateway.token('ten_rotate', old)
    const next = await gateway.addKey('ten_rotate')
    await gateway.accepted(await gateway.token('ten_rotate', next))
    await gateway.retireKey('ten_rotate', old, gateway.clock.now() + minute)
    gateway.clock.ahead = hour
    await until(async () => (await ask(await gateway.token('ten_rotate', old))).status === 401, 'the end of the old key')
    gateway.clock.ahead = 0
    const after = await gateway.token('ten_rotate', next)
    expect([(await ask(before)).status, (await ask(after)).status, (await ask(await gateway.token('ten_rotate', old))).status]).toEqual([200, 200, 200])
    gateway.clock.ahead = minute + 1
    try {
      // Neither a token that was verified during the overlap nor a fresh one.
      expect([(await ask(before)).status, (await ask(await gateway.token('ten_rotate', old))).status, (await ask(after)).status]).toEqual([401, 401, 200])
    } finally {
      gateway.clock.ahead = 0
    }
  })

  it('without overlap, after a leak, refuses what was accepted a moment ago', async () => {
    const leaked = await gateway.tenant('ten_leak')
    const token = await gateway.token('ten_leak', leaked)
    expect((await ask(token)).status).toBe(200)
    await gateway.retireKey('ten_leak', leaked, gateway.clock.now() - 1)
    await refusedInTime(token)
  })
})

describe('a revocation', () => {
  it('of a session refuses its access token within a second, and no other', async () => {
    const revoked = await gateway.token('ten_a', a, { sid: 'ses_gone' })
    const others = [
      await gateway.token('ten_a', a, { sid: 'ses_stays' }),
      await gateway.token('ten_b', b, { sid: 'ses_gone' }),
      await gateway.token('ten_a', a, { sid: undefined, sub: 'cli_m', client_id: 'cli_m' }),
    ]
    for (const token of [revoked, ...others]) expect((await ask(token)).status).toBe(200)
    await gateway.endSession('ten_a', 'ses_gone')
    await refusedInTime(revoked)
    expect((await ask(await gateway.token('ten_a', a, { sid: 'ses_gone' }))).body.code).toBe('request.token.invalid')
    for (const token of others) expect((await ask(token)).status).toBe(200)
  })

  it('holds on every way in: encoded paths and absolute targets lead past no check', async () => {
    const token = await gateway.token('ten_a', a, { sid: 'ses_out' })
    await gateway.endSession('ten_a', 'ses_out')
    await refusedInTime(token)
    for (const path of ['/api/v1/system/gateway/views', '/api/v1/echo']) {
      const encoded = path.replace('/api', '/%61pi')
      for (const target of [path, encoded, `/${path}`, `${gateway.baseUrl}${path}`, `http://elsewhere.example${encoded}`]) {
        const { status, body } = await gateway.raw(target, { token })
        expect([target, [401, 404].includes(status)]).toEqual([target, true])
        if (status === 401) expect(body.code).toBe('request.token.invalid')
      }
    }
  })

  it('of a blocked user holds until the block is lifted', async () => {
    const token = await gateway.token('ten_a', a, { sub: 'usr_bob', sid: 'ses_bob' })
    expect((await ask(token)).status).toBe(200)
    await gateway.block('ten_a', 'usr_bob')
    await refusedInTime(token)
    await gateway.unblock('ten_a', 'usr_bob')
    await until(async () => (await ask(token)).status === 200, 'the user to be let in again')
  })

  it('of a deleted client refuses its tokens', async () => {
    const token = await gateway.token('ten_a', a, { sub: 'cli_old', client_id: 'cli_old', sid: undefined })
    expect((await ask(token)).status).toBe(200)
    await gateway.deleteClient('ten_a', 'cli_old')
    await refusedInTime(token)
  })
})
