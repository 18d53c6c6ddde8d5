/** Sign-ins and token requests by how they ended. Every label has a closed list of values: what a caller sends never becomes one. */
import { metrics } from '@pavan/platform/telemetry/metrics.js'

const signIns = metrics.counter('pavan_sign_ins_total', {
  description: 'Sign-ins by method and outcome: `success`, or why they were refused.',
  unit: '{sign-in}',
  labels: ['method', 'outcome'],
})
const tokens = metrics.counter('pavan_token_requests_total', {
  description: 'Requests to the token endpoint by grant and outcome: `issued`, or the error of RFC 6749.',
  unit: '{request}',
  labels: ['grant', 'outcome'],
})

type Method = 'password' | 'sso' | 'set-up'
type Outcome = 'success' | 'unknown-account' | 'wrong-password' | 'locked' | 'blocked' | 'unverified'

export const countSignIn = (method: Method, outcome: Outcome): void => signIns.add(1, { method, outcome })

const grants = new Set(['authorization_code', 'refresh_token', 'client_credentials'])
/** RFC 6749 section 5.2, RFC 8707 section 2, RFC 9449 section 5, and our own 503. */
const errors = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'invalid_dpop_proof',
  'server_error',
  'temporarily_unavailable',
])

/** `grant` and `error` are as they came; 200 says that a token was issued. */
export const countTokenRequest = (grant: unknown, status: number, error: unknown): void => {
  const outcome = status === 200 ? 'issued' : errors.has(error as string) ? (error as string) : 'other'
  tokens.add(1, { grant: grants.has(grant as string) ? (grant as string) : 'other', outcome })
}
