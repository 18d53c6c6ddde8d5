/** A small web application that signs people in with Pavan: the code that any customer of Pavan would write with openid-client. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as oidc from 'openid-client'
import { homePage, signedInPage, troublePage, type ApiCall, type KnownPerson } from './page.js'

export interface RelyingPartyOptions {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly port: number
  /** Base URL of the orders API that it calls with the person's access token. */
  readonly ordersApi: string
  /** Resource indicator of that API (RFC 8707). */
  readonly resource: string
  /** Shown on the page: who can sign in. */
  readonly people: readonly KnownPerson[]
}

interface Visit {
  readonly verifier: string
  readonly state: string
  readonly nonce: string
}

interface SignedIn {
  readonly idToken: string
  readonly claims: Record<string, unknown>
  refreshToken: string
  calls: readonly ApiCall[]
  /** Access token for the orders API, and when it ends, in milliseconds since 1970. */
  orders?: { readonly token: string; readonly until: number }
  /** The refresh that is under way: a refresh token may be used once. */
  refreshing?: Promise<string>
}

const actions = {
  read: { method: 'GET', path: '/orders', title: 'Read the orders' },
  'approve-small': { method: 'POST', path: '/orders/1/approval', title: 'Approve order 1, of 120' },
  'approve-large': { method: 'POST', path: '/orders/2/approval', title: 'Approve order 2, of 9,900' },
} as const
const isAction = (name: string | null): name is keyof typeof actions => name !== null && Object.hasOwn(actions, name)

const cookieName = 'demo_session'

/** Starts the application; what people do in it is kept in memory, for it is a sample. */
export const startRelyingParty = async (options: RelyingPartyOptions): Promise<{ url: string; close(): Promise<void> }> => {
  const insecure = options.issuer.startsWith('http:')
  const config = await oidc.discovery(
    new URL(options.issuer),
    options.clientId,
    undefined,
    oidc.ClientSecretBasic(options.clientSecret),
    insecure ? { execute: [oidc.allowInsecureRequests] } : undefined,
  )
  const visits = new Map<string, Visit>()
  const people = new Map<string, SignedIn>()

  /** The tokens of the sign-in are for userinfo; an API gets a token of its own, which no other API accepts (RFC 8707 section 2.2). */
  const ordersToken = async (person: SignedIn): Promise<string> => {
    if (person.orders && person.orders.until > Date.now() + 10_000) return person.orders.token
    person.refreshing ??= oidc
      .refreshTokenGrant(config, person.refreshToken, { resource: options.resource })
      .then((tokens) => {
        person.refreshToken = tokens.refresh_token ?? person.refreshToken
        person.orders = { token: tokens.access_token, until: Date.now() + (tokens.expires_in ?? 60) * 1000 }
        return tokens.access_token
      })
      .finally(() => delete person.refreshing)
    return person.refreshing
  }

  const handlers: Record<string, (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>> = {
    'GET /': async (request, response, url) => {
      const person = people.get(cookieOf(request) ?? '')
      html(
        response,
        person
          ? signedInPage({ ...person, actions: Object.entries(actions).map(([name, { title }]) => ({ name, title })) })
          : homePage(options.people, url.searchParams.has('ended')),
      )
    },
    'GET /sign-in': async (_request, response) => {
      const visit = { verifier: oidc.randomPKCECodeVerifier(), state: oidc.randomState(), nonce: oidc.randomNonce() }
      const id = randomBytes(16).toString('base64url')
      visits.set(id, visit)
      const target = oidc.buildAuthorizationUrl(config, {
        redirect_uri: `${base}/callback`,
        scope: 'openid email profile offline_access',
        code_challenge: await oidc.calculatePKCECodeChallenge(visit.verifier),
        code_challenge_method: 'S256',
        state: visit.state,
        nonce: visit.nonce,
        prompt: 'consent',
        resource: options.resource,
      })
      redirect(response, target.href, id)
    },
    'GET /callback': async (request, response, url) => {
      const id = cookieOf(request) ?? ''
      const visit = visits.get(id)
      visits.delete(id)
      if (!visit) return redirect(response, '/')
      const tokens = await oidc.authorizationCodeGrant(config, url, {
        pkceCodeVerifier: visit.verifier,
        expectedState: visit.state,
        expectedNonce: visit.nonce,
        idTokenExpected: true,
      })
      const subject = tokens.claims()?.sub ?? ''
      const session = randomBytes(16).toString('base64url')
      people.set(session, {
        idToken: tokens.id_token ?? '',
        refreshToken: tokens.refresh_token ?? '',
        claims: { ...tokens.claims(), ...(await oidc.fetchUserInfo(config, tokens.access_token, subject)) },
        calls: [],
      })
      redirect(response, '/', session)
    },
    'POST /orders': async (request, response, url) => {
      const session = cookieOf(request) ?? ''
      const person = people.get(session)
      const name = url.searchParams.get('action')
      if (!person || !isAction(name)) return redirect(response, '/')
      const { method, path, title } = actions[name]
      let token: string
      try {
        token = await ordersToken(person)
      } catch (error) {
        // The session was ended at Pavan: by the person elsewhere, by an administrator, or because the account is gone.
        if (!(error instanceof oidc.ResponseBodyError) || error.error !== 'invalid_grant') throw error
        people.delete(session)
        return redirect(response, '/?ended')
      }
      const answer = await fetch(`${options.ordersApi}${path}`, { method, headers: { authorization: `Bearer ${token}` } })
      person.calls = [{ title, status: answer.status, text: await answer.text() }, ...person.calls].slice(0, 5)
      redirect(response, '/')
    },
    'POST /sign-out': async (request, response) => {
      const session = cookieOf(request) ?? ''
      const person = people.get(session)
      people.delete(session)
      if (!person) return redirect(response, '/')
      redirect(response, oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: `${base}/`, id_token_hint: person.idToken }).href)
    },
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', base)
    const handler = handlers[`${request.method} ${url.pathname}`]
    if (!handler) {
      response.writeHead(404).end('not found')
      return
    }
    handler(request, response, url).catch((error: unknown) => {
      html(response, troublePage(error instanceof Error ? error.message : 'unknown'), 502)
    })
  })
  await listen(server, options.port)
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: base, close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()) }
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new Error(`port ${port} is taken by another program. Choose another one: PAVAN_DEMO_PORT=${port + 1}`) : error),
    )
    server.listen(port, '127.0.0.1', resolve)
  })

const cookieOf = (request: IncomingMessage): string | undefined => new RegExp(`(?:^|; )${cookieName}=([\\w-]+)`).exec(request.headers.cookie ?? '')?.[1]

const html = (response: ServerResponse, page: string, status = 200): void => {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(page)
}

const redirect = (response: ServerResponse, location: string, session?: string): void => {
  const cookie = session === undefined ? {} : { 'set-cookie': `${cookieName}=${session}; HttpOnly; SameSite=Lax; Path=/` }
  response.writeHead(303, { location, ...cookie }).end()
}
