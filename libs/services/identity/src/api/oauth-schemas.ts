/** Shapes of the OpenID provider's requests and answers, for the API document. The library that answers them has its own validation. */
import { z } from 'zod'
import type { RawAnswer } from '@pavan/platform/service/raw-routes.js'

export const slug = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/)
  .describe('Slug of the tenant')
export const tenantParam = { slug }

export const form = 'application/x-www-form-urlencoded'

/** RFC 6749 section 5.2. */
export const oauthError = z.object({
  error: z.string().describe('Code such as `invalid_request`, `invalid_client`, `invalid_grant`, `unsupported_grant_type`, `invalid_target`'),
  error_description: z.string().optional().describe('For the developer of the client'),
})

const oauthErrorBody = { type: 'application/json', schema: { $ref: '#/components/schemas/OAuthError' } } as const

/** An error of an OAuth endpoint. */
export const oauthFailure = (status: number, error: string, description: string): RawAnswer => ({
  status,
  description: `\`${error}\`: ${description}`,
  ...oauthErrorBody,
  example: { error, error_description: description },
  ...(status === 401 ? { headers: { 'www-authenticate': 'The scheme to authenticate with (RFC 6749 section 5.2, RFC 6750 section 3)' } } : {}),
})

export const invalidRequest = oauthFailure(400, 'invalid_request', 'a parameter is missing, unknown or malformed, or the body is too large')
export const invalidClient = oauthFailure(401, 'invalid_client', 'client authentication failed')
export const temporarilyUnavailable = oauthFailure(503, 'temporarily_unavailable', 'nothing was written; try again')

/** What the gateway answers before the provider is asked, and an unknown tenant. */
export const doorProblems = ['request.route.not-found', 'request.parameter.invalid', 'request.rate.limited', 'service.overloaded'] as const

/** Client authentication (RFC 6749 section 2.3.1) as fields of the form; `client_secret_basic` is the other way. */
export const clientAuthentication = {
  client_id: z.string().max(255).optional().describe('Needed unless the client authenticates by HTTP Basic'),
  client_secret: z.string().max(1024).optional(),
  client_assertion_type: z.literal('urn:ietf:params:oauth:client-assertion-type:jwt-bearer').optional().describe('For clients with public keys (RFC 7523)'),
  client_assertion: z.string().max(8192).optional(),
}

export const clientSecurity = [{ client: [] }, {}] as const

/** RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1, RFC 7636, RFC 8707, RFC 9126. */
export const authorizationRequest = z.object({
  client_id: z.string().max(255),
  response_type: z.literal('code').optional(),
  redirect_uri: z.string().max(2048).optional(),
  scope: z.string().max(2048).optional().describe('Space-separated; `openid` asks for an ID token, `offline_access` for a long-lived refresh token'),
  state: z.string().max(2048).optional(),
  nonce: z.string().max(2048).optional(),
  code_challenge: z.string().min(43).max(128).optional().describe('Public clients must send one'),
  code_challenge_method: z.literal('S256').optional(),
  prompt: z.string().max(100).optional().describe('`none`, `login`, `consent`, `create`'),
  max_age: z.string().regex(/^\d+$/).optional().describe('Seconds'),
  login_hint: z.string().max(254).optional(),
  ui_locales: z.string().max(200).optional(),
  resource: z.string().max(2048).optional().describe('Resource indicator; `<base>/api` is the management API'),
  claims: z.string().max(4096).optional().describe('JSON (OpenID Connect Core section 5.5)'),
  response_mode: z.string().max(40).optional(),
  dpop_jkt: z.string().max(128).optional(),
})

/** RFC 6749 sections 4.1.3, 4.4.2 and 6. */
export const tokenRequest = z.object({
  grant_type: z.enum(['authorization_code', 'refresh_token', 'client_credentials']),
  code: z.string().max(1024).optional(),
  redirect_uri: z.string().max(2048).optional(),
  code_verifier: z.string().min(43).max(128).optional(),
  refresh_token: z.string().max(1024).optional(),
  scope: z.string().max(2048).optional(),
  resource: z.string().max(2048).optional(),
  ...clientAuthentication,
})

/** RFC 6749 section 5.1. */
export const tokenResponse = z.object({
  access_token: z.string().describe('RFC 9068, signed with ES256, when it is for an API'),
  token_type: z.enum(['Bearer', 'DPoP']),
  expires_in: z.number().int().describe('Seconds'),
  scope: z.string().optional(),
  refresh_token: z.string().optional().describe('Works once: the next one comes with the answer'),
  id_token: z.string().optional(),
})

/** RFC 7009 section 2.1, RFC 7662 section 2.1. */
export const tokenQuestion = z.object({ token: z.string().max(8192), token_type_hint: z.string().max(100).optional(), ...clientAuthentication })

/** RFC 7662 section 2.2. */
export const introspection = z.object({
  active: z.boolean(),
  sub: z.string().optional(),
  client_id: z.string().optional(),
  scope: z.string().optional(),
  exp: z.number().int().optional(),
  iat: z.number().int().optional(),
  iss: z.string().optional(),
  token_type: z.string().optional(),
})

/** OpenID Connect RP-Initiated Logout 1.0, section 2. */
export const logoutRequest = z.object({
  id_token_hint: z.string().max(8192).optional(),
  client_id: z.string().max(255).optional(),
  post_logout_redirect_uri: z.string().max(2048).optional(),
  state: z.string().max(2048).optional(),
  logout_hint: z.string().max(254).optional(),
  ui_locales: z.string().max(200).optional(),
})

/** OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2; the most used members. */
export const providerMetadata = z.looseObject({
  issuer: z.string(),
  authorization_endpoint: z.string(),
  token_endpoint: z.string(),
  jwks_uri: z.string(),
  userinfo_endpoint: z.string(),
  introspection_endpoint: z.string(),
  revocation_endpoint: z.string(),
  pushed_authorization_request_endpoint: z.string(),
  end_session_endpoint: z.string(),
  scopes_supported: z.array(z.string()),
  grant_types_supported: z.array(z.string()),
  code_challenge_methods_supported: z.array(z.string()),
})

/** RFC 7517 section 5. */
export const keySet = z.object({
  keys: z.array(z.looseObject({ kty: z.string(), kid: z.string(), alg: z.string(), use: z.string(), crv: z.string(), x: z.string(), y: z.string() })),
})

/** OpenID Connect Core section 5.3.2: the claims of the granted scopes. */
export const userinfo = z.looseObject({ sub: z.string(), email: z.string().optional(), email_verified: z.boolean().optional(), name: z.string().optional() })
