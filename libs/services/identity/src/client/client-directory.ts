/** The clients of a tenant in the words of oidc-provider (RFC 7591 metadata). Cached; fresh as soon as the view is. */
import { randomBytes } from 'node:crypto'
import { Inject, Injectable } from '@nestjs/common'
import { keyOf } from '@pavan/platform/views/changes.js'
import { ShortWait } from '@pavan/platform/service/short-wait.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Views } from '@pavan/platform/views/views.js'
import { Recent } from '../oidc/recent.js'
import { clients, clientsView, type ClientRow } from './clients.view.js'

export type ClientMetadata = Readonly<Record<string, unknown>>

interface Known {
  readonly row: ClientRow
  readonly metadata: ClientMetadata
}

/** Metadata of our own, beside RFC 7591. */
export const ownMetadata = ['pavan_first_party', 'pavan_application', 'pavan_origins', 'pavan_scopes'] as const

/** OpenID scopes that exist in every tenant. */
export const openidScopes = ['openid', 'offline_access', 'email', 'profile', 'phone', 'address'] as const

/**
 * oidc-provider wants a secret for every confidential client. It never sees the real ones (client-secrets.ts compares hashes);
 * this value is made at start, is told to nobody, and is never compared.
 */
const placeholder = randomBytes(32).toString('base64url')

export const metadataOf = ({ id, application, settings }: ClientRow): ClientMetadata => {
  const confidential = settings.kind === 'web' || settings.kind === 'machine'
  const interactive = settings.grantTypes.includes('authorization_code')
  const { scopes, publicKeys } = settings
  return {
    client_id: id,
    client_name: settings.name,
    application_type: settings.kind === 'native' ? 'native' : 'web',
    ...(!confidential
      ? { token_endpoint_auth_method: 'none' }
      : publicKeys
        ? { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks: { keys: publicKeys } }
        : { token_endpoint_auth_method: 'client_secret_basic', client_secret: placeholder }),
    grant_types: settings.grantTypes,
    response_types: interactive ? ['code'] : [],
    redirect_uris: interactive ? settings.redirectUris : [],
    post_logout_redirect_uris: settings.postLogoutRedirectUris,
    ...(settings.backchannelLogoutUri ? { backchannel_logout_uri: settings.backchannelLogoutUri, backchannel_logout_session_required: true } : {}),
    ...(settings.requirePushedAuthorizationRequests ? { require_pushed_authorization_requests: true } : {}),
    ...(scopes.length > 0 && interactive ? { scope: openidScopes.filter((scope) => scope === 'openid' || scopes.includes(scope)).join(' ') } : {}),
    pavan_first_party: settings.firstParty,
    pavan_application: application,
    pavan_origins: settings.allowedOrigins.map((url) => new URL(url).origin),
    pavan_scopes: scopes,
  }
}

@Injectable()
export class ClientDirectory {
  readonly #known = new Recent<Known>(10_000)
  readonly #toCome = new ShortWait()

  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Views) views: Views,
  ) {
    this.#known.keepFresh(views, clientsView.name)
    this.#toCome.after(views, clientsView.name)
  }

  async find(tenant: string, id: string): Promise<ClientRow | undefined> {
    return (await this.#find(tenant, id))?.row
  }

  /** The same for whoever comes with a client that they may just have registered: its event is waited for. */
  async awaited(tenant: string, id: string): Promise<ClientRow | undefined> {
    return (await this.#awaited(tenant, id))?.row
  }

  /** In the words of the provider, awaited. */
  async metadata(tenant: string, id: string): Promise<ClientMetadata | undefined> {
    return (await this.#awaited(tenant, id))?.metadata
  }

  #awaited(tenant: string, id: string): Promise<Known | undefined> {
    return this.#toCome.find(() => this.#find(tenant, id))
  }

  #find(tenant: string, id: string): Promise<Known | undefined> {
    const key = keyOf(tenant, id)
    return this.#known.through(key, async () => {
      const row = await this.rows.get(clients, key)
      return row && { row, metadata: metadataOf(row) }
    })
  }
}
