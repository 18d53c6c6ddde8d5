import type { FlowDefinition } from './flow.js'

/** How people get in: with a password, or by registering with a verified address. */
export const signInFlow: FlowDefinition = {
  name: 'sign-in',
  version: 1,
  start: 'sign-in',
  steps: {
    'sign-in': { kind: 'credentials', on: { ok: '=signed-in', unverified: 'verify', 'go-register': 'sign-up', 'go-forgot': 'forgot', abort: '=aborted' } },
    'sign-up': { kind: 'register', on: { ok: 'verify', 'go-credentials': 'sign-in', abort: '=aborted' } },
    verify: { kind: 'verify-email', on: { ok: '=signed-in', expired: 'sign-up', 'go-credentials': 'sign-in', abort: '=aborted' } },
    forgot: { kind: 'forgot-password', on: { ok: 'forgot-sent', 'go-credentials': 'sign-in', abort: '=aborted' } },
    'forgot-sent': { kind: 'notice', on: { 'go-credentials': 'sign-in', abort: '=aborted' } },
  },
}
