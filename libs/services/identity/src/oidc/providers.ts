/** One oidc-provider for each tenant, made when it is first needed and made anew when what it was made from has changed. */
import { Inject, Injectable } from '@nestjs/common'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Provider, type Adapter } from 'oidc-provider'
import { Clock } from '@pavan/kernel'
import { Rows } from '@pavan/platform/views/rows.js'
import { Views } from '@pavan/platform/views/views.js'
import { Log } from '@pavan/platform/telemetry/log.js'
import { ClientDirectory } from '../client/client-directory.js'
import { ClientSecrets } from '../client/client-secrets.js'
import { LogoutNotices, type LoggedOut } from '../session/logout-notices.js'
import { Sessions } from '../session/sessions.js'
import { keysAt, nextChange } from '../signing-key/signing-keys.decider.js'
import { SigningKeyMaker } from '../signing-key/signing-keys.js'
import { AccountSource } from './account-source.js'
import { ApiResources } from './api-resources.js'
import { ArtifactAdapter, RefreshTokenAdapter, ReplayAdapter, WaitingAdapter, type AdapterParts } from './artifact-adapters.js'
import { ClientAdapter } from './client-adapter.js'
import { CookieKeys } from './cookie-keys.js'
import { CookieSigner } from './cookie-signer.js'
import { GrantPolicy } from './grant-policy.js'
import { ProviderOutbound } from './provider-outbound.js'
import { ProfileClaims } from './profile-claims.js'
import { configurationOf } from './provider-configuration.js'
import { extendProvider, type TellingClient } from './provider-extensions.js'
import { ProviderPages } from './provider-pages.js'
import { Recent } from './recent.js'
import { rememberOrigin } from './request-origin.js'
import { SessionAdapter } from './session-adapter.js'
import { TenantDirectory, type Tenant } from './tenant-directory.js'
import { tenantsView } from './tenants.view.js'
import { TokenFacts } from './token-facts.js'
import { WaitingInteractions } from './waiting-interactions.js'

export interface TenantProvider {
  readonly tenant: Tenant
  readonly provider: Provider
  /** Answers a raw request whose URL is below `/t/<slug>`, sent from the address. */
  readonly handle: (request: IncomingMessage, response: ServerResponse, address: string) => void
  /** A cookie and its signature, as the browser sends them. */
  readonly signedCookie: (name: string, value: string) => string
  /** Whether it is reached by https. */
  readonly secure: boolean
  /** Milliseconds since 1970 when its keys are no longer the right ones. */
  readonly until: number
}

/** Providers kept in memory; one takes about half a megabyte. */
const kept = 200

/**
 * The library makes its URLs from the Host header and the proxy's headers. Ours are known: whatever a caller or a proxy writes there
 * cannot change an issuer's endpoints, and secure cookies work wherever TLS ends.
 */
const nameHost = (request: IncomingMessage, { host, protocol }: URL): void => {
  request.headers.host = host
  request.headers['x-forwarded-host'] = host
  request.headers['x-forwarded-proto'] = protocol.slice(0, -1)
}

@Injectable()
export class Providers {
  readonly #kept = new Recent<TenantProvider>(kept)
  readonly #base: URL

  constructor(
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
    @Inject(SigningKeyMaker) private readonly signingKeys: SigningKeyMaker,
    @Inject(CookieKeys) private readonly cookieKeys: CookieKeys,
    @Inject(ClientDirectory) private readonly clients: ClientDirectory,
    @Inject(ClientSecrets) private readonly secrets: ClientSecrets,
    @Inject(AccountSource) private readonly accounts: AccountSource,
    @Inject(ProfileClaims) private readonly profiles: ProfileClaims,
    @Inject(ApiResources) private readonly resources: ApiResources,
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(LogoutNotices) private readonly notices: LogoutNotices,
    @Inject(ProviderOutbound) private readonly outbound: ProviderOutbound,
    @Inject(GrantPolicy) private readonly grants: GrantPolicy,
    @Inject(TokenFacts) private readonly facts: TokenFacts,
    @Inject(ProviderPages) private readonly pages: ProviderPages,
    @Inject(WaitingInteractions) private readonly waiting: WaitingInteractions,
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Views) views: Views,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Log) private readonly log: Log,
  ) {
    this.#base = new URL(tenants.baseUrl)
    this.#kept.keepFresh(views, tenantsView.name)
    notices.sendBy((notice) => this.#tellClient(notice))
    signingKeys.onRotated((tenant) => this.#kept.delete(tenant))
    // Another copy of the service made or rotated keys.
    this.#kept.keepFresh(views, 'signing-keys', (key) => key.slice(0, key.indexOf('/')))
  }

  /** The provider of the tenant that a request visits. Undefined when there is no such tenant. */
  async visit(slug: string, request: IncomingMessage): Promise<TenantProvider | undefined> {
    const tenant = await this.tenants.awaited(slug)
    if (tenant) nameHost(request, this.#base)
    return tenant && this.of(tenant)
  }

  async byId(id: string): Promise<TenantProvider | undefined> {
    const tenant = await this.tenants.byId(id)
    return tenant && this.of(tenant)
  }

  async of(tenant: Tenant): Promise<TenantProvider> {
    const known = this.#kept.get(tenant.id)
    if (known && known.until > this.clock.now()) return known
    if (known) this.#kept.delete(tenant.id)
    return (await this.#kept.through(tenant.id, () => this.#make(tenant))) as TenantProvider
  }

  async #make(seen: Tenant): Promise<TenantProvider> {
    const now = this.clock.now()
    // The tenant may have changed after whoever asks has looked.
    const tenant = (await this.tenants.byId(seen.id)) ?? seen
    const [keys, cookieKeys] = await Promise.all([this.signingKeys.ensure(tenant.id), this.cookieKeys.of(tenant.id)])
    const { baseUrl, apiIndicator } = this.tenants
    const parts = { tenant: tenant.id, rows: this.rows, clock: this.clock, interactions: this.waiting.active ? this.waiting : undefined }
    const signer = new CookieSigner(cookieKeys)
    const provider = new Provider(
      this.tenants.issuerOf(tenant),
      configurationOf({
        tenant,
        baseUrl,
        apiIndicator,
        signer,
        keys: keysAt(keys, now),
        adapter: (model: string) => this.#adapter(model, parts),
        accounts: this.accounts,
        profiles: this.profiles,
        resources: this.resources,
        sessions: this.sessions,
        grants: this.grants,
        pages: this.pages,
        outbound: this.outbound,
      }),
    )
    provider.proxy = baseUrl.startsWith('https:')
    provider.on('server_error', (ctx, error) => this.log.error({ tenant: tenant.id, route: ctx.oidc?.route, error }, 'the OpenID provider failed'))
    extendProvider(provider, {
      tenant,
      pages: this.pages,
      rows: this.rows,
      sessions: this.sessions,
      secrets: this.secrets,
      notices: this.notices,
      facts: this.facts,
      replay: new ReplayAdapter(parts),
      clients: this.clients,
      log: this.log,
    })
    const callback = provider.callback()
    return {
      tenant,
      provider,
      handle: (request, response, address) => {
        rememberOrigin(request, address)
        ;(request as { originalUrl?: string }).originalUrl = request.url
        request.url = (request.url as string).slice(`/t/${tenant.slug}`.length)
        callback(request, response)
      },
      signedCookie: (name, value) => `${name}=${value}; ${name}.sig=${signer.sign(`${name}=${value}`)}`,
      secure: provider.proxy,
      until: nextChange(keys, now) ?? Infinity,
    }
  }

  async #tellClient({ tenant, client: id, user, sid }: LoggedOut): Promise<void> {
    const client = (await (await this.byId(tenant))?.provider.Client.find(id)) as unknown as TellingClient | undefined
    // Whoever has no such address any more need not be told.
    if (client?.backchannelLogoutUri) await client.sendLogoutToken(user, sid)
  }

  #adapter(model: string, parts: AdapterParts): Adapter {
    switch (model) {
      case 'Client':
        return new ClientAdapter(parts, this.clients)
      case 'Session':
        return new SessionAdapter(parts)
      case 'Interaction':
      case 'PushedAuthorizationRequest':
        return new WaitingAdapter(parts, model)
      case 'ReplayDetection':
        return new ReplayAdapter(parts)
      case 'RefreshToken':
        return new RefreshTokenAdapter(parts)
      default:
        return new ArtifactAdapter(parts, model)
    }
  }
}
