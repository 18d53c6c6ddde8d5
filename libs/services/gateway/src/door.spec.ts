import { request as send } from 'node:http'
import { until } from '@pavan/platform/testing/until.js'
import { GatewayUnderTest, waiting, type GatewayAnswer, type Key } from './spec/gateway-under-test.js'

let gateway: GatewayUnderTest
let key: Key
let token: string
beforeAll(async () => {
  gateway = await GatewayUnderTest.start()
  key = await gateway.tenant('ten_a')
  token = await gateway.token('ten_a', key)
})
afterAll(() => gateway.close())

const isProblem = (answer: GatewayAnswer, status: number, code: string): void => {
  expect([answer.status, answer.body?.code]).toEqual([status, code])
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
  expect(answer.body).toMatchObject({
    type: `${gateway.baseUrl}/problems/${code}`,
    title: expect.any(String),
    status,
    detail: expect.any(String),
    instance: answer.headers.get('x-request-id'),
    trace_id: answer.headers.get('traceparent')?.split('-')[1],
  })
}

describe('the ids of a request', () => {
  it('are made, and differ', async () => {
    const [one, two] = await Promise.all([gateway.ask('/api/v1/echo/open'), gateway.ask('/api/v1/echo/open')])
    expect(one.headers.get('x-request-id')).toMatch(/^req_[a-z0-9]+$/i)
    expect(one.headers.get('traceparent')).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-00$/)
    for (const name of ['x-request-id', 'traceparent']) expect(one.headers.get(name)).not.toBe(two.headers.get(name))
  })

  it('are kept when the caller sends good ones, with a span id of our own', async () => {
    const sent = { 'x-request-id': 'order-4711.a', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }
    const { headers } = await gateway.ask('/api/v1/echo/open', { headers: sent })
    expect(headers.get('x-request-id')).toBe('order-4711.a')
    expect(headers.get('traceparent')).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/)
  })

  it.each([
    ['x-request-id', 'short'],
    ['x-request-id', 'a'.repeat(65)],
    ['x-request-id', 'has a space and <tag>'],
    ['traceparent', '00-00000000000000000000000000000000-00f067aa0ba902b7-01'],
    ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01'],
    ['traceparent', 'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
    ['traceparent', '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01'],
    ['traceparent', 'nonsense'],
  ])('are made anew when %s is %s', async (name, value) => {
    const { headers } = await gateway.ask('/api/v1/echo/open', { headers: { [name]: value } })
    expect(headers.get(name)).toMatch(name === 'traceparent' ? /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/ : /^req_/)
    expect(headers.get(name)).not.toContain(value.split('-')[1] ?? value)
  })
})

describe('the headers that browsers heed', () => {
  const everywhere = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' }
  const onApi = { ...everywhere, 'cache-control': 'no-store', 'content-security-policy': "default-src 'none'; frame-ancestors 'none'" }
  const asks: Record<string, [number, Record<string, string>, () => Promise<GatewayAnswer>]> = {
    'an answer': [200, onApi, () => gateway.ask('/api/v1/echo', { token })],
    'a preflight': [
      204,
      onApi,
      () => gateway.ask('/api/v1/echo', { method: 'OPTIONS', headers: { origin: 'https://a.example', 'access-control-request-method': 'GET' } }),
    ],
    'a missing token': [401, onApi, () => gateway.ask('/api/v1/echo')],
    'a bad token': [401, onApi, () => gateway.ask('/api/v1/echo', { token: 'abc' })],
    'an unknown operation': [404, onApi, () => gateway.ask('/api/v1/nothing')],
    'a wrong method': [405, onApi, () => gateway.ask('/api/v1/echo', { method: 'DELETE', token })],
    'a body that is too large': [413, onApi, () => gateway.ask('/api/v1/echo', { method: 'POST', token, body: JSON.stringify('x'.repeat(200_000)) })],
    'a wrong content type': [415, onApi, () => gateway.ask('/api/v1/echo', { method: 'POST', token, body: 'a=b', headers: { 'content-type': 'text/plain' } })],
    'an accident': [500, onApi, () => gateway.ask('/api/v1/echo/broken')],
    'a page of a tenant': [200, everywhere, () => gateway.ask('/t/ten-a/page')],
    'a redirect': [302, everywhere, () => gateway.ask('/')],
    'the health': [200, everywhere, () => gateway.ask('/healthz')],
    'the API description': [200, everywhere, () => gateway.ask('/openapi.json')],
    'an unknown page': [404, everywhere, () => gateway.ask('/nothing')],
    'a malformed URL': [400, everywhere, () => gateway.raw('/%zz')],
  }
  it.each(Object.keys(asks))('are on %s', async (what) => {
    const [status, headers, ask] = asks[what] as (typeof asks)[string]
    const answer = await ask()
    expect(answer.status).toBe(status)
    expect(Object.fromEntries(Object.keys(headers).map((name) => [name, answer.headers.get(name)]))).toEqual(headers)
    expect(answer.headers.has('strict-transport-security')).toBe(false)
    for (const name of ['server', 'x-powered-by']) expect(answer.headers.has(name)).toBe(false)
  })

  it('let nobody frame the API reference', async () => {
    const answer = await gateway.ask('/docs/')
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(answer.headers.get('content-security-policy')).not.toMatch(/https?:|\*/)
  })

  it('let the icon be drawn and nothing more', async () => {
    const answer = await gateway.ask('/favicon.ico')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/svg+xml'])
    expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
    expect(answer.text).toMatch(/^<svg .*<\/svg>$/)
  })

  it('insist on TLS where the base URL has it', async () => {
    const secure = await GatewayUnderTest.start({}, { baseUrl: 'https://id.example' })
    try {
      expect((await secure.ask('/healthz')).headers.get('strict-transport-security')).toBe('max-age=31536000; includeSubDomains')
    } finally {
      await secure.close()
    }
  })
})

describe('cross-origin requests', () => {
  const app = 'https://app.example'
  const preflight = (origin: string) =>
    gateway.ask('/api/v1/echo', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' },
    })
  const allowed = ({ headers }: GatewayAnswer) => headers.get('access-control-allow-origin')

  beforeAll(async () => {
    await gateway.tenant('ten_b')
    await gateway.registerClient('ten_a', 'cli_spa', { kind: 'spa', allowedOrigins: [app, 'http://localhost:5173'] })
    await gateway.registerClient('ten_a', 'cli_other', { kind: 'spa', allowedOrigins: ['https://other.example'] })
    await gateway.registerClient('ten_a', 'cli_web', { kind: 'web', allowedOrigins: ['https://web.example'] })
    await until(async () => allowed(await preflight('https://other.example')) !== null, 'the clients')
  })

  it('from a registered origin may ask first, without credentials and without a wildcard', async () => {
    const answer = await preflight(app)
    expect(answer.status).toBe(204)
    expect(allowed(answer)).toBe(app)
    expect(answer.headers.get('access-control-allow-methods')).toBe('GET, POST, PUT, PATCH, DELETE')
    expect(answer.headers.get('access-control-allow-headers')).toContain('authorization')
    expect(answer.headers.get('vary')).toContain('origin')
    expect(answer.headers.has('access-control-allow-credentials')).toBe(false)
  })

  it.each(['https://evil.example', 'https://app.example.evil.example', 'http://app.example', 'https://app.example:444', 'null', 'https://web.example'])(
    'from %s may not',
    async (origin) => {
      const answer = await preflight(origin)
      expect([answer.status, allowed(answer)]).toEqual([204, null])
      expect(answer.headers.has('access-control-allow-methods')).toBe(false)
    },
  )

  it('show their answer only to the origins of the client that holds the token', async () => {
    const spa = await gateway.token('ten_a', key, { client_id: 'cli_spa' })
    const read = (origin: string, bearer = spa) => gateway.ask('/api/v1/echo', { token: bearer, headers: { origin } })
    const own = await read(app)
    expect([own.status, allowed(own), own.headers.get('vary')]).toEqual([200, app, 'origin'])
    expect(own.headers.get('access-control-expose-headers')).toContain('pavan-position')
    expect(own.headers.has('access-control-allow-credentials')).toBe(false)
    expect(allowed(await read('https://other.example'))).toBeNull()
    expect(allowed(await read(app, await gateway.token('ten_a', key, { client_id: 'cli_other' })))).toBeNull()
    expect(allowed(await read('https://web.example', await gateway.token('ten_a', key, { client_id: 'cli_web' })))).toBeNull()
    expect(allowed(await read(app, await gateway.token('ten_a', key, { client_id: 'cli_unknown' })))).toBeNull()
  })

  it('let a page read why it was refused', async () => {
    for (const answer of [
      await gateway.ask('/api/v1/echo', { headers: { origin: app } }),
      await gateway.ask('/api/v1/echo', { token: 'abc', headers: { origin: app } }),
    ]) {
      expect([answer.status, allowed(answer)]).toEqual([401, app])
    }
    expect(allowed(await gateway.ask('/api/v1/echo', { headers: { origin: 'https://evil.example' } }))).toBeNull()
  })

  it('end with the client', async () => {
    await gateway.registerClient('ten_a', 'cli_brief', { kind: 'spa', allowedOrigins: ['https://brief.example'] })
    await until(async () => allowed(await preflight('https://brief.example')) !== null, 'the client')
    await gateway.deleteClient('ten_a', 'cli_brief')
    await until(async () => allowed(await preflight('https://brief.example')) === null, 'the end of the client')
  })
})

describe('a body', () => {
  const post = (bytes: number, path = '/api/v1/echo') => gateway.ask(path, { method: 'POST', token, body: JSON.stringify('x'.repeat(bytes - 2)) })

  it('may have 100 KiB, and up to 1 MiB where the operation says so', async () => {
    expect((await post(100 * 1024)).status).toBe(201)
    isProblem(await post(100 * 1024 + 1), 413, 'request.body.too-large')
    expect((await post(1024 * 1024, '/api/v1/echo/large')).status).toBe(201)
    isProblem(await post(1024 * 1024 + 1, '/api/v1/echo/large'), 413, 'request.body.too-large')
  })

  it('of unknown length is counted as it comes', async () => {
    const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = send(
        `${gateway.local}/api/v1/echo/large`,
        { method: 'POST', agent: false, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'transfer-encoding': 'chunked' } },
        (response) => {
          let text = ''
          response.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        },
      ).on('error', reject)
      request.write('"')
      for (let i = 0; i < 20; i++) request.write('x'.repeat(64 * 1024))
      request.end('"')
    })
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([413, 'request.body.too-large'])
  })

  it.each([
    ['not JSON', '{"a":', 400, 'request.body.malformed'],
    ['a prototype', '{"__proto__":{"admin":true}}', 400, 'request.body.malformed'],
    ['too deep', `${'['.repeat(30)}${']'.repeat(30)}`, 400, 'request.body.malformed'],
  ])('that is %s is refused', async (_, body, status, code) => {
    isProblem(await gateway.ask('/api/v1/echo', { method: 'POST', token, body }), status, code)
  })
})

describe('errors are problems (RFC 9457)', () => {
  it('for unknown paths, methods, URLs and types', async () => {
    isProblem(await gateway.ask('/api/v1/nothing'), 404, 'request.route.not-found')
    isProblem(await gateway.ask('/nothing'), 404, 'request.route.not-found')
    const wrong = await gateway.ask('/api/v1/echo', { method: 'DELETE', token })
    isProblem(wrong, 405, 'request.method.not-allowed')
    expect(wrong.headers.get('allow')).toBe('GET, HEAD, POST')
    isProblem(
      await gateway.ask('/api/v1/echo', { method: 'POST', token, body: 'a', headers: { 'content-type': 'text/plain' } }),
      415,
      'request.content-type.unsupported',
    )
    isProblem(await gateway.raw('/api/v1/echo/%zz', { token }), 400, 'request.parameter.invalid')
    isProblem(await gateway.raw('/api/v1/echo%00', { token }), 400, 'request.parameter.invalid')
    isProblem(await gateway.raw(`/api/v1/${'a'.repeat(9_000)}`, { token }), 404, 'request.route.not-found')
  })

  it('and tell nothing of an accident', async () => {
    const answer = await gateway.ask('/api/v1/echo/broken')
    isProblem(answer, 500, 'service.internal.error')
    expect(answer.text).not.toMatch(/ada@|example\.org|Error|at /)
  })
})

describe('overload', () => {
  it('is answered at once with 503 and Retry-After, while health can still be asked', async () => {
    const small = await GatewayUnderTest.start({ PAVAN_MAX_IN_FLIGHT: '10' })
    try {
      waiting.inside = 0
      waiting.held = new Promise((resolve) => (waiting.release = resolve))
      const held = Array.from({ length: 10 }, () => small.ask('/api/v1/echo/slow'))
      await until(() => waiting.inside === 10, 'ten requests in flight')
      const refused = await small.ask('/api/v1/echo/open')
      expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([503, 'service.overloaded', '1'])
      expect([(await small.ask('/healthz')).status, (await small.ask('/readyz')).status, (await small.ask('/metrics')).status]).toEqual([200, 200, 200])
      waiting.release()
      expect((await Promise.all(held)).map(({ status }) => status)).toEqual(Array(10).fill(200))
      await until(async () => (await small.ask('/api/v1/echo/open')).status === 200, 'room')
    } finally {
      waiting.release()
      waiting.held = Promise.resolve()
      await small.close()
    }
  })
})
