/** What identity tells the other services. The stream of `user.*` is the user, of `session.*` the session, and so on. */
import { z } from 'zod'
import { defineEvent } from './define-event.js'

const email = z.string().max(254)
const id = z.string().max(64)
const scopes = z.array(z.string().max(128)).max(100)

export const signInMethod = z.enum(['password', 'sso', 'set-up'])

export const userRegistered = defineEvent('user.registered', 'A person has an account.', {
  data: z.object({
    method: z.enum(['password', 'set-up', 'admin', 'import']),
    /** Client through which the person came, if any. */
    client: id.optional(),
    /** Roles that come with the account, such as `administrator` for the set-up link. */
    roles: z.array(z.string().max(128)).max(20).default([]),
    emailVerified: z.boolean().default(false),
    /** BCP 47 language tag that the person used. */
    locale: z.string().max(35).optional(),
  }),
  personal: z.object({ email, name: z.string().max(200).optional() }),
  secret: z.object({ passwordHash: z.string().max(512).optional() }),
})
export const userEmailVerified = defineEvent('user.email-verified', 'The person proved that the e-mail address is theirs.', {
  data: z.object({}),
})
export const userEmailChanged = defineEvent('user.email-changed', 'The account has another, verified e-mail address.', {
  data: z.object({}),
  /** `previous` is where the owner is told of it. */
  personal: z.object({ email, previous: email.optional() }),
})
export const userPasswordChanged = defineEvent('user.password-changed', 'The account has another password.', {
  data: z.object({
    method: z.enum(['change', 'reset', 'rehash', 'admin']),
    /** The session in which the person changed it stays; every other one ends. */
    session: id.optional(),
  }),
  secret: z.object({ passwordHash: z.string().max(512) }),
})
export const userBlocked = defineEvent('user.blocked', 'An administrator blocked the account.', { data: z.object({}) })
export const userUnblocked = defineEvent('user.unblocked', 'An administrator lifted the block.', { data: z.object({}) })
export const userErased = defineEvent('user.erased', 'Identity forgot the person: claims, credentials and sessions are gone.', {
  data: z.object({}),
})

export const registrationStarted = defineEvent('registration.started', 'Somebody opened the sign-up form.', {
  data: z.object({ client: id.optional() }),
  unhurried: true,
})
export const passwordResetRequested = defineEvent('password-reset.requested', 'A reset link was asked for an existing account.', {
  data: z.object({ user: id }),
})

export const sessionStarted = defineEvent('session.started', 'A browser session began.', {
  data: z.object({ user: id, method: signInMethod, expiresAt: z.number().int() }),
  unhurried: true,
})
export const signInSucceeded = defineEvent('sign-in.succeeded', 'A person was signed in to an application.', {
  data: z.object({ user: id, session: id, method: signInMethod, client: id.optional(), application: id.optional() }),
  unhurried: true,
})
export const signInFailed = defineEvent('sign-in.failed', 'A sign-in was refused.', {
  data: z.object({
    /** Known only where the account exists. */
    user: id.optional(),
    method: signInMethod,
    reason: z.enum(['unknown-account', 'wrong-password', 'locked', 'blocked', 'unverified']),
    client: id.optional(),
    application: id.optional(),
  }),
  unhurried: true,
})
export const sessionEnded = defineEvent('session.ended', 'A session is over; its tokens are dead.', {
  data: z.object({
    user: id,
    reason: z.enum(['logout', 'revoked', 'password-changed', 'blocked', 'erased', 'refresh-token-reuse', 'expired']),
  }),
})
export const lockoutImposed = defineEvent('lockout.imposed', 'Too many failures: further attempts are refused for a while.', {
  data: z.object({ scope: z.enum(['account', 'address']), user: id.optional(), until: z.number().int() }),
})
export const consentGiven = defineEvent('consent.given', 'A person allowed a client to act within scopes.', {
  data: z.object({ user: id, client: id, scopes }),
})
export const consentWithdrawn = defineEvent('consent.withdrawn', 'A person took the consent back.', {
  data: z.object({ user: id, client: id }),
})
export const accessTokenIssued = defineEvent('access-token.issued', 'A machine client obtained an access token for itself.', {
  data: z.object({ client: id, grant: z.literal('client_credentials'), scopes, resource: z.string().max(512).optional() }),
  unhurried: true,
})
export const refreshTokenReused = defineEvent('refresh-token.reused', 'A rotated refresh token came again; its family is revoked.', {
  data: z.object({ user: id, client: id, session: id.optional() }),
})

const publicJwk = z.record(z.string().max(32), z.unknown())
export const signingKeyCreated = defineEvent('signing-key.created', 'A key pair signs, or will sign, the tokens of a tenant.', {
  data: z.object({ kid: id, alg: z.string().max(16), jwk: publicJwk, activeFrom: z.number().int() }),
  secret: z.object({ jwk: publicJwk }),
})
export const signingKeyRetired = defineEvent('signing-key.retired', 'A key signs no more and is verified only until the given time.', {
  data: z.object({ kid: id, verifiedUntil: z.number().int() }),
})

export const clientSecretCreated = defineEvent('client-secret.created', 'A client has a further secret.', {
  data: z.object({ secretId: id, hint: z.string().max(8), expiresAt: z.number().int().optional() }),
  secret: z.object({ sha256: z.string().max(64) }),
})
export const clientSecretRevoked = defineEvent('client-secret.revoked', 'A client secret is no longer accepted.', {
  data: z.object({ secretId: id }),
})
export const mailSent = defineEvent('mail.sent', 'A mail was handed to the mail provider.', {
  data: z.object({ user: id.optional(), template: z.string().max(64) }),
  unhurried: true,
})

export const identityEvents = [
  userRegistered,
  userEmailVerified,
  userEmailChanged,
  userPasswordChanged,
  userBlocked,
  userUnblocked,
  userErased,
  registrationStarted,
  passwordResetRequested,
  sessionStarted,
  signInSucceeded,
  signInFailed,
  sessionEnded,
  lockoutImposed,
  consentGiven,
  consentWithdrawn,
  accessTokenIssued,
  refreshTokenReused,
  signingKeyCreated,
  signingKeyRetired,
  clientSecretCreated,
  clientSecretRevoked,
  mailSent,
] as const
