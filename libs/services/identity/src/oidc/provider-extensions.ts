/**
 * Where we reach into oidc-provider: its documented extension points (Koa middleware, model classes of an instance) and nothing else.
 * Client secrets are compared as hashes, sessions carry our ids and end durably, refresh tokens come in families, `jti` is decided by
 * an insert, and what the token endpoint writes is committed before it answers.
 */
import { randomUUID } from 'node:crypto'
import { Provider, type KoaContextWithOIDC } from 'oidc-provider'
import { remove, removeAll } from '@pavan/platform/views/changes.js'
import type { Rows } from '@pavan/platform/views/rows.js'
import type { Log } from '@pavan/platform/telemetry/log.js'
import type { ClientDirectory, ClientMetadata } from '../client/client-directory.js'
import type { ClientSecrets } from '../client/client-secrets.js'
import type { LogoutNotices } from '../session/logout-notices.js'
import type { Sessions } from '../session/sessions.js'
import { authorizationRequest } from './authorization-request.js'
import { isClientId } from './client-adapter.js'
import { artifactKey, familyOf, makeRefreshToken, type ReplayAdapter } from './artifact-adapters.js'
import { artifacts, fingerprint } from './oidc-tables.js'
import { countTokenRequest } from './outcome-metrics.js'
import { releaseWhenAnswered } from './release-context.js'
import { protocolMeta } from './request-origin.js'
import type { ProviderPages } from './provider-pages.js'
import type { Tenant } from './tenant-directory.js'
import type { TokenFacts } from './token-facts.js'
import { beginUnit, type Presented } from './token-unit.js'

export interface ExtensionParts {
  readonly tenant: Tenant
  readonly pages: ProviderPages
  readonly rows: Rows
  readonly sessions: Sessions
  readonly secrets: ClientSecrets
  readonly notices: LogoutNotices
  readonly facts: TokenFacts
  readonly clients: ClientDirectory
  readonly replay: ReplayAdapter
  readonly log: Log
}

/** What lies in oidc-provider's context and models beyond its types. */
interface Source {
  readonly jti: string
  readonly grantId?: string
  readonly accountId: string
  readonly clientId: string
  readonly sessionUid?: string
  readonly consumed?: number
}
interface Entities {
  readonly RefreshToken?: Source
  readonly RotatedRefreshToken?: Source
  readonly AuthorizationCode?: Source
  readonly ClientCredentials?: { readonly jti: string; readonly scope?: string; readonly aud?: string }
  readonly Interaction?: { readonly result?: { readonly login?: { readonly session?: string } } }
}

const noEntities: Entities = {}
const entitiesOf = (ctx: KoaContextWithOIDC | undefined): Entities => (ctx?.oidc?.entities ?? noEntities) as Entities

export const extendProvider = (provider: Provider, parts: ExtensionParts): void => {
  extendModels(provider, parts)
  provider.use((ctx, next) => {
    const { method, path } = ctx
    if (method === 'POST' && path === '/token') return tokenRequest(ctx as never, next, parts)
    if (method === 'GET' && path.startsWith('/auth')) return authorizationRequest(ctx as never, next, parts)
    return next()
  })
}

/**
 * The library makes a digest of a client's whole metadata at each request, to see whether it has changed. The directory knows:
 * unchanged metadata is the same object.
 */
const rememberClients = (provider: Provider, { tenant: { id: tenant }, clients }: ExtensionParts): void => {
  type ClientModel = { find(id: string): Promise<object | undefined> }
  const model = provider.Client as unknown as ClientModel
  const find = model.find.bind(model)
  const known = new WeakMap<ClientMetadata, object>()
  model.find = async (id) => {
    const metadata = isClientId(id) ? await clients.metadata(tenant, id) : undefined
    if (!metadata) return undefined
    const before = known.get(metadata)
    if (before) return before
    const found = await find(id)
    if (found) known.set(metadata, found)
    return found
  }
}

interface SessionModel {
  uid: string
  loginAccount(details: object): void
  destroy(): Promise<void>
}

/** The methods of a client that the types leave out, and ours. */
export interface TellingClient {
  readonly clientId: string
  readonly backchannelLogoutUri?: string
  compareClientSecret(secret: string): Promise<boolean>
  backchannelLogout(user: string, sid: string): Promise<void>
  /** Sends the logout token now and rejects unless the client took it. */
  sendLogoutToken(user: string, sid: string): Promise<void>
}

const extendModels = (provider: Provider, parts: ExtensionParts): void => {
  const tenant = parts.tenant.id
  rememberClients(provider, parts)
  const client = provider.Client.prototype as unknown as TellingClient
  client.compareClientSecret = function (secret) {
    return parts.secrets.verify(tenant, this.clientId, secret)
  }

  client.sendLogoutToken = client.backchannelLogout
  // The library tells clients once, while the person waits. The end of the session queues what has to be told; here is left the client
  // that asked for a logout of which the person declined the rest.
  client.backchannelLogout = async function (user, sid) {
    if ((Provider.ctx as KoaContextWithOIDC | undefined)?.oidc.params?.logout) return
    await parts.rows.apply([parts.notices.queue({ tenant, client: this.clientId, user, sid })])
    void parts.notices.deliver()
  }

  const refreshToken = provider.RefreshToken.prototype as unknown as { generateTokenId(): string }
  refreshToken.generateTokenId = () => {
    const rotated = entitiesOf(Provider.ctx as never).RotatedRefreshToken
    return makeRefreshToken(rotated && familyOf(rotated.jti))
  }

  // The event of a machine token has a stream of the token's name: names that sort by time lie together in the store's index.
  const machineToken = provider.ClientCredentials.prototype as unknown as { generateTokenId(): string }
  const { generateTokenId } = machineToken
  let moment = 0
  let prefix = ''
  machineToken.generateTokenId = function () {
    const now = Date.now()
    if (now !== moment) prefix = (moment = now).toString(36).padStart(9, '0')
    return prefix + generateTokenId.call(this)
  }

  const session = provider.Session.prototype as unknown as SessionModel
  const { loginAccount, destroy } = session
  // The session that the sign-in started is the one that the browser gets.
  session.loginAccount = function (details) {
    const started = entitiesOf(Provider.ctx as never).Interaction?.result?.login?.session
    if (started) this.uid = started
    loginAccount.call(this, details)
  }
  session.destroy = async function () {
    const ctx = Provider.ctx as KoaContextWithOIDC | undefined
    const { accountId: id, uid } = this as unknown as { accountId?: string; uid: string }
    const actor = { type: 'user', id: id ?? '' } as const
    if (id) await parts.sessions.end(tenant, uid, 'logout', ctx ? protocolMeta(ctx.req, actor) : { actor })
    await destroy.call(this)
  }

  const replay = provider.ReplayDetection as unknown as { unique(issuer: string, jti: string, exp: number): Promise<boolean> }
  // The library looks first and writes then; here the insert decides. Kept a minute longer than the value is accepted.
  replay.unique = (issuer, jti, exp) => parts.replay.once(fingerprint(`${issuer}\n${jti}`), (exp + 60) * 1000)
}

/** The token endpoint: one commit for everything that a request consumes and issues, before the answer leaves. */
const tokenRequest = async (ctx: KoaContextWithOIDC, next: () => Promise<unknown>, parts: ExtensionParts): Promise<void> => {
  const unit = beginUnit(ctx)
  await next()
  try {
    const lost = ctx.status === 200 ? await unit.commit(parts.rows) : undefined
    if (lost) await refuseSecondUse(ctx, lost, parts)
    const entities = entitiesOf(ctx)
    if (entities.RefreshToken?.consumed && ctx.status === 400) await rememberReuse(ctx, entities.RefreshToken, parts)
    if (entities.ClientCredentials && ctx.status === 200) await rememberIssued(ctx, entities.ClientCredentials, parts)
  } catch (error) {
    // No token leaves that was not written down.
    parts.log.error({ tenant: parts.tenant.id, error }, 'a token request could not be written')
    ctx.status = 503
    ctx.set('retry-after', '1')
    ctx.body = { error: 'temporarily_unavailable', error_description: 'try again' }
  } finally {
    const { params } = ctx.oidc as unknown as { params?: { grant_type?: unknown } }
    countTokenRequest(params?.grant_type, ctx.status, (ctx.body as { error?: unknown } | undefined)?.error)
    releaseWhenAnswered(ctx)
  }
}

const refuseSecondUse = async (ctx: KoaContextWithOIDC, lost: Presented, parts: ExtensionParts): Promise<void> => {
  const { RotatedRefreshToken, AuthorizationCode } = entitiesOf(ctx)
  const source = lost === 'RefreshToken' ? RotatedRefreshToken : AuthorizationCode
  // RFC 6749 section 4.1.2 and RFC 9700 section 4.14.2: what came twice may be in wrong hands, and so may what it gave.
  if (source?.grantId) {
    const tenant = parts.tenant.id
    await parts.rows.apply([
      remove(artifacts, artifactKey(tenant, 'Grant', source.grantId)),
      removeAll(artifacts, 'byGrant', { tenant, grant: source.grantId }),
    ])
  }
  if (lost === 'RefreshToken' && source) await rememberReuse(ctx, source, parts)
  ctx.status = 400
  ctx.body = { error: 'invalid_grant', error_description: 'grant request is invalid' }
}

const rememberReuse = async (
  ctx: KoaContextWithOIDC,
  { accountId: user, clientId: client, sessionUid: session }: Source,
  { tenant: { id: tenant }, facts, sessions }: ExtensionParts,
): Promise<void> => {
  const meta = protocolMeta(ctx.req, { type: 'client', id: client }, client)
  await facts.reused(tenant, randomUUID(), { user, client, session }, meta)
  if (session) await sessions.end(tenant, session, 'refresh-token-reuse', meta)
}

const rememberIssued = async (
  ctx: KoaContextWithOIDC,
  token: NonNullable<Entities['ClientCredentials']>,
  { tenant: { id: tenant }, facts }: ExtensionParts,
): Promise<void> => {
  const client = ctx.oidc.client?.clientId as string
  const scopes = token.scope ? token.scope.split(' ') : []
  await facts.issued(
    tenant,
    token.jti,
    { client, grant: 'client_credentials', scopes, resource: token.aud },
    protocolMeta(ctx.req, { type: 'client', id: client }, client),
  )
}
