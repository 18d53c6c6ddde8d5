/** Problems of the provider's part of identity. */
import type { ProblemList } from '@pavan/contracts'

export const oidcProblems = {
  'identity.session.not-found': { status: 404, title: 'There is no such session', detail: 'It has ended, or it is not a session of this user.' },
  'identity.session.exists': { status: 409, title: 'The session exists already', detail: 'Start a new one.' },
  'identity.client.not-found': { status: 404, title: 'There is no such client', detail: 'See the list of clients.' },
  'identity.client.public': {
    status: 409,
    title: 'The client keeps no secret',
    detail: 'Single-page and native clients prove themselves by PKCE, clients with public keys by their private key.',
  },
  'identity.client-secret.not-found': { status: 404, title: 'There is no such secret', detail: 'See the list of secrets of the client.' },
  'identity.client-secret.limit': { status: 409, title: 'There are too many valid secrets', detail: 'At most {limit} may be valid at once. Revoke one first.' },
  'identity.client-secret.exists': {
    status: 409,
    title: 'The client has had a secret',
    detail: 'Only the first one is handed out this way. An administrator of the tenant can create another.',
  },
  'identity.client-secret.expired': { status: 400, title: 'The secret would have expired already', detail: 'Choose a later time.' },
  'identity.client-secret.told': { status: 409, title: 'The secret was created and cannot be shown again', detail: 'Revoke it and create another.' },
  'identity.signing-key.rotating': { status: 409, title: 'A rotation is under way', detail: 'Wait until the new key signs.' },
} as const satisfies ProblemList
