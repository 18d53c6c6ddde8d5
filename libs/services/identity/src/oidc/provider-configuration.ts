/** How oidc-provider is set up for one tenant. Every value that the library calls a default for development is set here. */
import { errors, interactionPolicy, type ClientMetadata, type Configuration, type KoaContextWithOIDC } from 'oidc-provider'
import { ownMetadata, openidScopes } from '../client/client-directory.js'
import { InlineSigningKey } from '../signing-key/inline-signing-key.js'
import type { SigningKey } from '../signing-key/signing-keys.decider.js'
import type { Sessions } from '../session/sessions.js'
import type { AccountSource } from './account-source.js'
import type { ApiResources } from './api-resources.js'
import type { CookieSigner } from './cookie-signer.js'
import { asksForClaims, claimsByScope, claimsOf } from './claims.js'
import type { GrantPolicy } from './grant-policy.js'
import type { ProviderOutbound } from './provider-outbound.js'
import type { PageContext, ProviderPage, ProviderPages } from './provider-pages.js'
import type { ProfileClaims } from './profile-claims.js'
import type { Tenant } from './tenant-directory.js'

export interface ConfigurationParts {
  readonly tenant: Tenant
  /** Where the system is reached from outside. */
  readonly baseUrl: string
  /** Resource indicator of the management API. */
  readonly apiIndicator: string
  readonly adapter: Configuration['adapter']
  /** The signing key first. */
  readonly keys: readonly SigningKey[]
  readonly signer: CookieSigner
  readonly accounts: AccountSource
  readonly profiles: ProfileClaims
  readonly resources: ApiResources
  readonly sessions: Sessions
  readonly grants: GrantPolicy
  readonly pages: ProviderPages
  readonly outbound: ProviderOutbound
}

/** Seconds. */
const minute = 60
const year = 365 * 86_400
/** A person may need a while for a mail with a code. */
export const interactionSeconds = 30 * minute

const now = (): number => Math.floor(Date.now() / 1000)
const atLeastOne = (seconds: number): number => Math.max(1, Math.floor(seconds))

type OwnClient = ClientMetadata & {
  readonly pavan_first_party?: boolean
  readonly pavan_origins?: readonly string[]
  readonly pavan_scopes?: readonly string[]
}
const own = (client: unknown): OwnClient => client as OwnClient

/** Policy of what the person is asked: oidc-provider's own, without asking first-party clients for consent, and with `prompt=create`. */
const policy = (): unknown => {
  const { Check, Prompt, base } = interactionPolicy
  const prompts = base()
  const gone = new Check(
    'account_gone',
    'the account of this session is gone or blocked',
    'login_required',
    (ctx) => Boolean(ctx.oidc.session?.accountId) && !ctx.oidc.account,
  )
  prompts.get('login')?.checks.add(gone)
  const consent = prompts.get('consent')?.checks
  consent?.remove('native_client_prompt')
  // RFC 8252 section 8.6: any app may claim a private-use scheme, so a person confirms each sign-in of a third party's native app.
  const native = new Check('native_client_prompt', 'native clients require End-User interaction', 'interaction_required', (ctx) => {
    const { client, result } = ctx.oidc
    return client?.applicationType === 'native' && !own(client).pavan_first_party && !result?.consent
  })
  consent?.add(native)
  // OpenID Connect Prompt Create 1.0.
  prompts.add(new Prompt({ name: 'create', requestable: true }), 0)
  return prompts
}

export const pageContext = (tenant: Tenant, ctx: KoaContextWithOIDC): PageContext => ({
  tenant,
  locales: [...String(ctx.oidc?.params?.ui_locales ?? '').split(' '), ...ctx.acceptsLanguages()].filter(Boolean),
})

export const show = (ctx: KoaContextWithOIDC, { html, policy }: ProviderPage): void => {
  ctx.type = 'html'
  ctx.set('content-security-policy', policy)
  ctx.body = html
}

export const configurationOf = (parts: ConfigurationParts): Configuration => {
  const { tenant, accounts, profiles, resources, sessions, grants, pages } = parts
  const { lifetimes, languages } = tenant.settings
  const secure = parts.baseUrl.startsWith('https:')
  const path = `/t/${tenant.slug}`
  const cookie = { httpOnly: true, sameSite: 'lax', signed: true, secure, overwrite: true } as const

  const pageOf = (ctx: KoaContextWithOIDC): PageContext => pageContext(tenant, ctx)

  const resourceServer = async (indicator: string, client: unknown) => {
    const offered = await resources.scopes(tenant.id, indicator)
    if (!offered) throw new errors.InvalidTarget()
    const allowed = own(client).pavan_scopes ?? []
    return {
      scope: [...offered].filter((scope) => allowed.length === 0 || allowed.includes(scope)).join(' '),
      audience: indicator,
      accessTokenFormat: 'jwt' as const,
      accessTokenTTL: lifetimes.accessTokenSeconds,
      jwt: { sign: { alg: 'ES256' as const } },
    }
  }

  return {
    adapter: parts.adapter,
    jwks: { keys: parts.keys.map((key) => new InlineSigningKey(key)) },
    acrValues: [],
    claims: {
      ...Object.fromEntries(Object.entries(claimsByScope).map(([scope, claims]) => [scope, [...claims]])),
      acr: null,
      auth_time: null,
      iss: null,
      sid: null,
    },
    scopes: [...openidScopes],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    clientBasedCORS: (_ctx, origin, client) => own(client).pavan_origins?.includes(origin) ?? false,
    clientDefaults: {
      grant_types: ['authorization_code'],
      id_token_signed_response_alg: 'ES256',
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    clockTolerance: 5,
    cookies: {
      names: { session: `pavan_${tenant.slug}_session`, interaction: `pavan_${tenant.slug}_interaction`, resume: `pavan_${tenant.slug}_resume` },
      long: { ...cookie, path },
      short: cookie,
      keys: parts.signer as never,
    },
    discovery: { ui_locales_supported: languages.offered, claim_types_supported: ['normal'], service_documentation: `${parts.baseUrl}/docs` },
    enabledJWA: {
      authorizationSigningAlgValues: ['ES256'],
      clientAuthSigningAlgValues: ['ES256'],
      idTokenSigningAlgValues: ['ES256'],
      introspectionSigningAlgValues: ['ES256'],
      userinfoSigningAlgValues: ['ES256'],
      dPoPSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519'],
    },
    extraClientMetadata: { properties: [...ownMetadata] },
    extraTokenClaims: (_ctx, token) => {
      const sid = (token as { sessionUid?: string }).sessionUid
      return sid === undefined ? { tenant: tenant.id } : { tenant: tenant.id, sid }
    },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      claimsParameter: { enabled: true },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      externalSigningSupport: { enabled: true, ack: 'experimental-01' },
      introspection: {
        enabled: true,
        // A resource server may ask about access tokens; a refresh token is its client's own affair (RFC 7662 section 4).
        allowedPolicy: async (_ctx, client, token) =>
          token.clientId === client.clientId || (client.clientAuthMethod !== 'none' && token.kind !== 'RefreshToken'),
      },
      pushedAuthorizationRequests: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async (_ctx, _client, oneOf) => oneOf ?? parts.apiIndicator,
        getResourceServerInfo: async (_ctx, indicator, client) => resourceServer(indicator, client),
        // Without `resource` at the token endpoint the token is for userinfo; with it, for that API.
        useGrantedResource: async () => false,
      },
      revocation: { enabled: true, allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (ctx, form) => show(ctx, pages.logout(pageOf(ctx), form)),
        postLogoutSuccessSource: async (ctx) => show(ctx, pages.loggedOut(pageOf(ctx))),
      },
      userinfo: { enabled: true },
    },
    fetch: (url, options) => parts.outbound.fetch(String(url), options as RequestInit),
    findAccount: async (_ctx, user, token) => {
      const seen = await accounts.seen(tenant.id, user)
      if (seen?.status !== 'active') return undefined
      const session = (token as { sessionUid?: string } | undefined)?.sessionUid
      if (session !== undefined && (await sessions.hasEnded(tenant.id, session))) return undefined
      return {
        accountId: user,
        claims: async (_use, scope, claims) => {
          if (Object.keys(claims ?? {}).length === 0 && !asksForClaims(scope)) return { sub: user }
          const account = await seen.account()
          return { ...(account && claimsOf(account, await profiles.of(tenant.id, user))), sub: user }
        },
      }
    },
    interactions: { policy: policy() as never, url: (_ctx, interaction) => `${path}/interaction/${interaction.uid}` },
    // Tokens die when their session is ended (Sessions.forget), not when its cookie grows cold.
    expiresWithSession: async () => false,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    loadExistingGrant: (ctx) => grants.load(ctx, tenant.id),
    pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' },
    renderError: (ctx, out) => {
      show(ctx, pages.error(pageOf(ctx), { error: out.error, description: out.error_description, status: ctx.status }))
    },
    rotateRefreshToken: true,
    subjectTypes: ['public'],
    ttl: {
      AccessToken: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? lifetimes.accessTokenSeconds,
      AuthorizationCode: minute,
      ClientCredentials: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? lifetimes.accessTokenSeconds,
      Grant: (_ctx, grant) => (grant.getOIDCScope().split(' ').includes('offline_access') ? year + 86_400 : lifetimes.sessionSeconds + 3600),
      IdToken: lifetimes.idTokenSeconds,
      Interaction: interactionSeconds,
      RefreshToken: (ctx, token, client) => {
        const offline = token.scope?.split(' ').includes('offline_access')
        const rest = offline ? (token.iiat ?? now()) + year - now() : (token.authTime ?? token.iiat ?? now()) + lifetimes.sessionSeconds - now()
        const rotated = (ctx.oidc.entities as { RotatedRefreshToken?: { remainingTTL: number } }).RotatedRefreshToken
        // RFC 9700 section 4.14.2: the token of a public client that nothing binds does not live longer by being used.
        const bounded = rotated && client.clientAuthMethod === 'none' && !token.isSenderConstrained()
        return atLeastOne(Math.min(rest, bounded ? rotated.remainingTTL : lifetimes.refreshTokenSeconds))
      },
      Session: (_ctx, session) => {
        const { loginTs } = session as unknown as { loginTs?: number }
        return loginTs === undefined ? 60 * minute : atLeastOne(Math.min(lifetimes.sessionIdleSeconds, loginTs + lifetimes.sessionSeconds - now()))
      },
    },
  }
}
