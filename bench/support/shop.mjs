/** A public client of the first tenant, and a person's way through its sign-in: authorization code with PKCE over the hosted pages. */
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { call } from './harness.mjs'
import { basic, claimsOf, formType, tokenRequest } from './tokens.mjs'

const callback = 'http://127.0.0.1:9/callback'

/** A port that stays the same over restarts, because it is part of the issuer's name. */
export const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

/** An access token of the operator for the management API, the tenant that it is for, and a caller that fails on refusals. */
export const operatorOf = async ({ base, operator }) => {
  const headers = { authorization: basic(operator.clientId, operator.clientSecret) }
  const { access_token: token } = await tokenRequest(operator.issuer, { grant_type: 'client_credentials', resource: `${base}/api` }, headers)
  const { tenant } = claimsOf(token)
  const api = async (method, path, json) => {
    const body = json === undefined ? undefined : JSON.stringify(json)
    const type = body ? { 'content-type': 'application/json' } : {}
    const answer = await call(`${base}${path}`, { method, headers: { authorization: `Bearer ${token}`, ...type }, body })
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 500)}`)
    return answer
  }
  return { token, tenant, api }
}

export const makeClient = async ({ api }) => {
  const application = JSON.parse((await api('POST', '/api/v1/admin/applications', { name: 'Bench' })).text).id
  const settings = { name: 'Bench', kind: 'spa', firstParty: true, grantTypes: ['authorization_code', 'refresh_token'], redirectUris: [callback] }
  return JSON.parse((await api('POST', '/api/v1/admin/clients', { application, settings })).text).id
}

const attribute = (tag, name) => new RegExp(`\\s${name}="([^"]*)"`, 'i').exec(tag)?.[1]
const unescape = (text) => text.replaceAll('&amp;', '&').replaceAll('&#x3D;', '=').replaceAll('&quot;', '"').replaceAll('&#39;', "'")

/** Where the form with the e-mail field leads, and what a browser would send: its hidden fields and what was typed. */
const fillIn = (page, typed) => {
  const [form, inner] = [...page.matchAll(/<form\b[^>]*>([\s\S]*?)<\/form>/gi)].find((match) => /name="email"/.test(match[1])) ?? []
  if (!form) throw new Error(`no sign-in form: ${page.slice(0, 500)}`)
  const body = new URLSearchParams()
  for (const [input] of inner.matchAll(/<input\b[^>]*>/gi)) {
    const name = attribute(input, 'name')
    if (name && attribute(input, 'type') === 'hidden') body.set(name, unescape(attribute(input, 'value') ?? ''))
  }
  for (const [name, value] of Object.entries(typed)) body.set(name, value)
  return { action: unescape(attribute(form.slice(0, form.indexOf('>') + 1), 'action') ?? ''), body: body.toString() }
}

/** Signs a person in with their password in a new browser, and exchanges the code. Answers the tokens; throws when anything is not as it must be. */
export const signIn = async ({ base, operator: { issuer } }, { client, email, password, scope = 'openid' }) => {
  const cookies = new Map()
  const open = async (url, { method = 'GET', body } = {}) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { accept: 'text/html', ...(cookie ? { cookie } : {}), ...(body ? { 'content-type': formType, origin: base } : {}) }
    const answer = await call(new URL(url, base).href, { method, headers, body })
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair] = line.split(';', 1)
      const at = pair.indexOf('=')
      if (pair.length > at + 1) cookies.set(pair.slice(0, at), pair.slice(at + 1))
      else cookies.delete(pair.slice(0, at))
    }
    return answer
  }
  /** Goes where it is sent, until there is a page or the way leads back to the client. */
  const follow = async (...request) => {
    let [url] = request
    let answer = await open(...request)
    while ((answer.status === 302 || answer.status === 303) && answer.headers.location) {
      url = answer.headers.location
      if (url.startsWith(callback)) return { url }
      answer = await open(url)
    }
    if (answer.status !== 200) throw new Error(`expected a page at ${url.split('?')[0]}: ${answer.status} ${answer.text.slice(0, 500)}`)
    return { url, page: answer.text }
  }
  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(8).toString('hex')
  const resource = `${base}/api`
  const asked = new URLSearchParams({
    client_id: client,
    redirect_uri: callback,
    response_type: 'code',
    scope,
    state,
    resource,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const { page } = await follow(`${issuer}/auth?${asked}`)
  const { action, body } = fillIn(page ?? '', { email, password })
  const { url } = await follow(action, { method: 'POST', body })
  const arrived = new URL(url, base)
  if (!arrived.href.startsWith(callback) || arrived.searchParams.get('state') !== state) throw new Error(`not signed in: ${arrived.href.slice(0, 300)}`)
  const code = arrived.searchParams.get('code')
  const exchange = { grant_type: 'authorization_code', client_id: client, code, redirect_uri: callback, code_verifier: verifier, resource }
  const tokens = await tokenRequest(issuer, exchange)
  return { ...tokens, subject: claimsOf(tokens.id_token).sub }
}
