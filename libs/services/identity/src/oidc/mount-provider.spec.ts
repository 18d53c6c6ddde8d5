import type { IncomingMessage } from 'node:http'
import { machine, ProviderUnderTest } from '../spec/provider-under-test.js'
import { findProviderRoute } from './mount-provider.js'

const form = 'application/x-www-form-urlencoded'
const find = findProviderRoute(() => ({ PAVAN_TRUST_PROXY: 0 }) as never)
const routeOf = (method: string, url: string, type: string | undefined = form): string | undefined =>
  find({ method, url, headers: { 'content-type': type } } as unknown as IncomingMessage)?.route

describe('the short way', () => {
  it.each(['/token', '/token/introspection', '/token/revocation', '/request', '/me', '/session/end/confirm'])('is there for a form to %s', (path) => {
    expect(routeOf('POST', `/t/acme${path}`)).toBe(`/t/:slug${path}`)
  })

  it('is there for a request for authorization, and for its resumption', () => {
    expect(routeOf('GET', '/t/acme/auth?client_id=x%2Fy&scope=openid%20email', undefined)).toBe('/t/:slug/auth')
    expect(routeOf('GET', '/t/acme/auth', undefined)).toBe('/t/:slug/auth')
    expect(routeOf('GET', '/t/acme/auth/V1StGXR8_Z5jdHi6B-myT', undefined)).toBe('/t/:slug/auth/:uid')
    const body = { method: 'GET', url: '/t/acme/auth', headers: { 'content-length': '3' } } as unknown as IncomingMessage
    expect(find(body)).toBeUndefined()
  })

  it.each([
    ['GET', '/t/acme/auth/'],
    ['GET', '/t/acme/authx'],
    ['GET', '/t/acme/auth/a/b'],
    ['GET', '/t/ac%6De/auth'],
    ['HEAD', '/t/acme/auth'],
    ['GET', '/t/acme/me'],
    ['OPTIONS', '/t/acme/token'],
    ['POST', '/t/acme/auth'],
    ['POST', '/t/acme/jwks'],
    ['POST', '/t/acme/token/'],
    ['POST', '/t/acme/token?x=1'],
    ['POST', '/t/ac%6De/token'],
    ['POST', '/t//token'],
    ['POST', '/t/acme/constructor'],
    ['POST', 'http://host/t/acme/token'],
  ])('is not there for %s %s', (method, url) => {
    expect(routeOf(method, url)).toBeUndefined()
  })

  it('is not there for a body that is not called a form in so many words', () => {
    for (const type of ['application/json', `${form}; charset=utf-8`, form.toUpperCase(), '']) expect(routeOf('POST', '/t/acme/token', type)).toBeUndefined()
  })
})

describe('both ways', () => {
  let system: ProviderUnderTest
  beforeAll(async () => {
    system = await ProviderUnderTest.start()
  })
  afterAll(() => system.close())

  it('give a token, refuse a wrong secret and know no other tenant in the same words', async () => {
    const tenant = await system.tenant('ways')
    const { id, secret } = await system.client(tenant, 'ways', machine)
    const ask = async (slug: string, given: string, type: string) => {
      const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: given }).toString()
      const response = await fetch(`${system.issuer(slug)}/token`, { method: 'POST', headers: { 'content-type': type }, body })
      const answer = (await response.json()) as Record<string, unknown>
      const headers = Object.fromEntries([...response.headers].filter(([name]) => !['date', 'traceparent', 'x-request-id', 'content-length'].includes(name)))
      expect(response.headers.get('x-request-id')).toMatch(/^req_/)
      return { status: response.status, headers, answer: { ...answer, access_token: typeof answer['access_token'], instance: 0, trace_id: 0 } }
    }
    for (const [slug, given, status] of [
      ['ways', String(secret), 200],
      ['ways', 'wrong', 401],
      ['nobody', String(secret), 404],
    ] as const) {
      const short = await ask(slug, given, form)
      expect(short.status).toBe(status)
      expect(short).toEqual(await ask(slug, given, `${form}; charset=utf-8`))
    }
  })
})
