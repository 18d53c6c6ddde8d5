/** The endpoints of a tenant's OpenID provider in the API document. Errors follow RFC 6749 section 5.2; what stops a request before is problem+json. */
import { z } from 'zod'
import type { RawAnswer, RawRoute } from '@pavan/platform/service/raw-routes.js'
import * as oauth from './oauth-schemas.js'

type Given = Omit<RawRoute, 'path' | 'params' | 'problems' | 'id'>

const json = (description: string, schema: z.ZodType, example: unknown): RawAnswer => ({ status: 200, description, type: 'application/json', schema, example })
const html = (status: number, description: string): RawAnswer => ({ status, description, type: 'text/html', schema: z.string() })
const redirect = (description: string): RawAnswer => ({ status: 303, description, headers: { location: 'Where to go on' } })

const route = (id: string, path: string, { params, ...given }: Given & { readonly params?: RawRoute['params'] }): RawRoute => ({
  id: `provider.${id}`,
  path: `/t/{slug}${path}`,
  params: { ...oauth.tenantParam, ...params },
  problems: oauth.doorProblems,
  ...given,
})

const metadata: Given = {
  method: 'get',
  summary: 'Read the metadata of the issuer',
  description: 'OpenID Connect Discovery 1.0 and RFC 8414: the endpoints, and what they support.',
  answers: [json('The metadata.', oauth.providerMetadata, undefined)],
}
const authorization: Omit<Given, 'method'> = {
  summary: 'Ask for an authorization code',
  description:
    "RFC 6749 section 4.1.1 and OpenID Connect Core section 3.1.2. The browser gets the tenant's sign-in page, and is sent on from there with `code` and `iss`, or `error`, to the redirect URI. A request that names no client or no registered redirect URI is answered by a page.",
  answers: [
    redirect('To another page of the tenant (sign-up, consent), or back to the client.'),
    html(400, 'The request cannot be answered to the client.'),
    html(200, 'The sign-in page, or the form of `response_mode=form_post`.'),
  ],
}
const logout: Omit<Given, 'method'> = {
  summary: 'Sign out of the tenant',
  description: 'OpenID Connect RP-Initiated Logout 1.0. Shows a page on which the person confirms it.',
  answers: [
    html(200, 'The page that asks.'),
    html(400, 'The request is not valid.'),
    { ...oauth.invalidRequest, description: '`invalid_request`: for a caller that takes no HTML' },
  ],
}
const readUserinfo: Omit<Given, 'method'> = {
  summary: 'Read the claims of the signed-in user',
  description: 'OpenID Connect Core section 5.3. Takes an access token of this issuer that has the scope `openid` and is for no other resource.',
  security: [{ userinfo: [] }],
  answers: [
    json('The claims that the granted scopes allow.', oauth.userinfo, {
      sub: 'usr_01j9z3f8k2m4n6p8q0r2s4t6v8',
      email: 'ada@example.org',
      email_verified: true,
    }),
    oauth.invalidRequest,
    oauth.oauthFailure(401, 'invalid_token', 'the access token is expired, revoked or of another issuer'),
    oauth.oauthFailure(403, 'insufficient_scope', 'the access token has not the scope openid'),
  ],
}
const issuedToken = {
  access_token: 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.…',
  token_type: 'Bearer',
  expires_in: 300,
  scope: 'openid',
}

export const providerRoutes: readonly RawRoute[] = [
  route('discovery', '/.well-known/openid-configuration', metadata),
  route('metadata', '/.well-known/oauth-authorization-server', metadata),
  route('jwks', '/jwks', {
    method: 'get',
    summary: 'Read the public signing keys',
    description: 'RFC 7517. During a rotation the former and the next key are here as well.',
    answers: [json('The key set.', oauth.keySet, undefined)],
  }),
  route('authorize', '/auth', { ...authorization, method: 'get', query: oauth.authorizationRequest.partial() }),
  route('resume', '/auth/{uid}', {
    method: 'get',
    params: { uid: z.string().max(100).describe('Id of the waiting request') },
    summary: 'Go on with an authorization request',
    description: 'Where the hosted pages lead to when a step is done. Works once, in the browser that began.',
    answers: [
      redirect('To the next page, or back to the client.'),
      html(400, 'The waiting request is gone.'),
      html(200, 'The sign-in page, or the form of `response_mode=form_post`.'),
    ],
  }),
  route('push', '/request', {
    method: 'post',
    summary: 'Push an authorization request',
    description: 'RFC 9126. The `request_uri` of the answer stands for the parameters at the authorization endpoint.',
    security: oauth.clientSecurity,
    body: { schema: oauth.authorizationRequest.extend(oauth.clientAuthentication) },
    answers: [
      {
        status: 201,
        description: 'Kept for a minute.',
        type: 'application/json',
        schema: z.object({ request_uri: z.string(), expires_in: z.number().int() }),
        example: { request_uri: 'urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c', expires_in: 60 },
      },
      oauth.invalidRequest,
      oauth.invalidClient,
    ],
  }),
  route('token', '/token', {
    method: 'post',
    summary: 'Get tokens',
    description:
      'RFC 6749 section 3.2: authorization code with PKCE, refresh token with rotation, client credentials. A code and a refresh token work once; using one again revokes what came of it.',
    security: oauth.clientSecurity,
    body: { schema: oauth.tokenRequest, example: { grant_type: 'client_credentials', client_id: 'cli_01j9z3f8k2m4n6p8q0r2s4t6v8', client_secret: '…' } },
    answers: [
      json('The tokens.', oauth.tokenResponse, issuedToken),
      oauth.invalidRequest,
      oauth.oauthFailure(400, 'invalid_grant', 'grant request is invalid'),
      oauth.invalidClient,
      oauth.temporarilyUnavailable,
    ],
  }),
  route('introspect', '/token/introspection', {
    method: 'post',
    summary: 'Ask about a token',
    description: 'RFC 7662. A token that is unknown, expired, revoked or of another tenant is `active: false` and no more is said.',
    security: [{ client: [] }],
    body: { schema: oauth.tokenQuestion },
    answers: [json('What is known.', oauth.introspection, { active: false }), oauth.invalidRequest, oauth.invalidClient],
  }),
  route('revoke', '/token/revocation', {
    method: 'post',
    summary: 'Revoke a token',
    description: 'RFC 7009. Revoking a refresh token ends all that came of its grant. An unknown token is no error.',
    security: oauth.clientSecurity,
    body: { schema: oauth.tokenQuestion },
    answers: [{ status: 200, description: 'It is worth nothing any more.' }, oauth.invalidRequest, oauth.invalidClient],
  }),
  route('userinfo', '/me', { ...readUserinfo, method: 'get' }),
  route('userinfoPost', '/me', {
    ...readUserinfo,
    method: 'post',
    security: [{ userinfo: [] }, {}],
    body: { schema: z.object({ access_token: z.string().max(8192).optional() }), required: false },
  }),
  route('logout', '/session/end', { ...logout, method: 'get', query: oauth.logoutRequest }),
  route('logoutConfirm', '/session/end/confirm', {
    method: 'post',
    summary: 'Confirm the sign-out',
    description: 'The form of the sign-out page. Ends the session and tells the clients of it (OpenID Connect Back-Channel Logout 1.0).',
    body: { schema: z.object({ xsrf: z.string().max(200), logout: z.literal('yes').optional().describe('Without it the session stays') }) },
    answers: [redirect('To the client, or to the page that says so.'), html(400, 'The form is not of this browser.'), oauth.invalidRequest],
  }),
  route('loggedOut', '/session/end/success', {
    method: 'get',
    summary: 'Show that the sign-out is done',
    description: 'The page after a sign-out that names no client to go back to.',
    query: z.object({ client_id: z.string().max(255).optional() }),
    answers: [html(200, 'The page.'), html(400, 'There is no such client.'), oauth.invalidRequest],
  }),
]
