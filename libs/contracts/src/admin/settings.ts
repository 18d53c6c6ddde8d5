import { z } from 'zod'

const url = z.url({ protocol: /^https?$/ }).max(2000)
/** Native apps come back by a scheme of their own (RFC 8252 section 7.1), web ones by https. */
const redirectUri = z
  .string()
  .min(3)
  .max(2000)
  .refine((value) => URL.canParse(value) && !value.includes('#'), {
    error: 'must be an absolute URI without a fragment',
  })
const seconds = (max: number) => z.number().int().min(30).max(max)

/** A public key for ES256 (RFC 7517, RFC 7518 section 6.2.1). A private one is refused by its `d`. */
const publicKey = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string().regex(/^[\w-]{43}$/),
  y: z.string().regex(/^[\w-]{43}$/),
  kid: z.string().min(1).max(128),
  alg: z.literal('ES256').optional(),
  use: z.literal('sig').optional(),
})

/** RFC 7591 metadata, in the words of the console. */
export const clientSettings = z.strictObject({
  name: z.string().min(1).max(120),
  /** `web` and `machine` keep a secret; `spa` and `native` are public and use PKCE. */
  kind: z.enum(['web', 'spa', 'native', 'machine']),
  redirectUris: z.array(redirectUri).max(50).default([]),
  postLogoutRedirectUris: z.array(redirectUri).max(50).default([]),
  /** Origins from which a browser may call the token endpoint and the API (CORS). */
  allowedOrigins: z.array(url).max(50).default([]),
  grantTypes: z.array(z.enum(['authorization_code', 'refresh_token', 'client_credentials'])).max(3),
  /** Scopes that the client may ask for; empty means every scope that the tenant offers. */
  scopes: z.array(z.string().min(1).max(128)).max(100).default([]),
  backchannelLogoutUri: url.optional(),
  /** Keys by which a web or machine client proves itself instead of by a secret (`private_key_jwt`, RFC 7523). Several while it changes over. */
  publicKeys: z.array(publicKey).min(1).max(4).optional(),
  /** A first-party client does not ask for consent. */
  firstParty: z.boolean().default(false),
  /** Opt in to pushed authorization requests only (RFC 9126). */
  requirePushedAuthorizationRequests: z.boolean().default(false),
})
export type ClientSettings = z.output<typeof clientSettings>

export const tenantSettings = z.strictObject({
  password: z
    .strictObject({
      minLength: z.number().int().min(8).max(64).default(8),
      /** zxcvbn score from 0 to 4 that a new password must reach. */
      minScore: z.number().int().min(0).max(4).default(2),
    })
    .prefault({}),
  lifetimes: z
    .strictObject({
      accessTokenSeconds: seconds(600).default(600),
      idTokenSeconds: seconds(3600).default(600),
      refreshTokenSeconds: seconds(90 * 86_400).default(14 * 86_400),
      sessionSeconds: seconds(30 * 86_400).default(86_400),
      sessionIdleSeconds: seconds(30 * 86_400).default(8 * 3600),
    })
    .prefault({}),
  lockout: z
    .strictObject({
      accountFailures: z.number().int().min(3).max(100).default(10),
      addressFailures: z.number().int().min(3).max(10_000).default(100),
      windowSeconds: seconds(86_400).default(900),
      lockSeconds: seconds(86_400).default(900),
    })
    .prefault({}),
  branding: z
    .strictObject({
      displayName: z.string().max(80).optional(),
      primaryColor: z
        .string()
        .regex(/^#[0-9a-f]{6}$/i)
        .default('#0f5bd7'),
      logoUrl: url.optional(),
    })
    .prefault({}),
  languages: z
    .strictObject({
      default: z.enum(['en', 'ar']).default('en'),
      offered: z
        .array(z.enum(['en', 'ar']))
        .min(1)
        .max(2)
        .default(['en', 'ar']),
    })
    .prefault({}),
  registration: z
    .strictObject({
      open: z.boolean().default(true),
      /** Whoever has an account with an address that nobody has proved, made by an administrator or an import, proves it at the next sign-in. */
      requireVerifiedEmail: z.boolean().default(true),
    })
    .prefault({}),
})
export type TenantSettings = z.output<typeof tenantSettings>

export const defaultTenantSettings: TenantSettings = tenantSettings.parse({})
