/** A small web application that signs people in with Pavan: the code that any customer of Pavan would write with openid-client. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as oidc from 'openid-client'
import { homePage, signedInPage, type ApiCall } from './page.js'

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
  readonly hints: readonly string[]
}

interface Visit {
  readonly verifier: string
  readonly state: string
  readonly nonce: string
}

interface SignedIn {
  readonly idToken: string
  readonly accessToken: string
  readonly claims: Record<string, unknown>
  readonly subject: string
  calls: readonly ApiCall[]
}

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
  const handlers: Record<string, (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>> = {
    'GET /': async (request, response) => {
      const person = people.get(cookieOf(request) ?? '')
      html(response, person ? signedInPage(person) : homePage(options.hints))
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
      // An access token for one API does not open another (RFC 8707): the claims come with the ID token.
      const session = randomBytes(16).toString('base64url')
      people.set(session, {
        idToken: tokens.id_token ?? '',
        accessToken: tokens.access_token,
        claims: tokens.claims() ?? {},
        subject,
        calls: [],
      })
      redirect(response, '/', session)
    },
    'POST /orders': async (request, response, url) => {
      const person = people.get(cookieOf(request) ?? '')
      if (!person) return redirect(response, '/')
      const action = url.searchParams.get('action') === 'approve' ? 'approve' : 'read'
      const answer = await fetch(`${options.ordersApi}/orders${action === 'approve' ? '/1/approval' : ''}`, {
        method: action === 'approve' ? 'POST' : 'GET',
        headers: { authorization: `Bearer ${person.accessToken}` },
      })
      person.calls = [{ action, status: answer.status, text: await answer.text() }, ...person.calls].slice(0, 5)
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
      response.writeHead(502, { 'content-type': 'text/plain; charset=utf-8' })
      response.end(`The sign-in did not work: ${error instanceof Error ? error.message : 'unknown'}. Start again at ${base}/`)
    })
  })
  await listen(server, options.port)
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: base, close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()) }
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })

const cookieOf = (request: IncomingMessage): string | undefined => new RegExp(`(?:^|; )${cookieName}=([\\w-]+)`).exec(request.headers.cookie ?? '')?.[1]

const html = (response: ServerResponse, page: string): void => {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(page)
}

const redirect = (response: ServerResponse, location: string, session?: string): void => {
  const cookie = session === undefined ? {} : { 'set-cookie': `${cookieName}=${session}; HttpOnly; SameSite=Lax; Path=/` }
  response.writeHead(303, { location, ...cookie }).end()
}
