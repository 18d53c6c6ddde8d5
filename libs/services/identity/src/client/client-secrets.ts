/** Makes, lists, revokes and verifies client secrets. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { Inject, Injectable } from '@nestjs/common'
import { Clock, isRefusal, type EventMeta, type Refusal } from '@pavan/kernel'
import { clientSecretCreated, clientSecretRevoked } from '@pavan/contracts'
import { Aggregates, type Aggregate, type Handled } from '@pavan/platform/events/aggregates.js'
import { Views } from '@pavan/platform/views/views.js'
import { Recent } from '../oidc/recent.js'
import {
  clientCredentials,
  isValidAt,
  type ClientCredentialsCommand,
  type ClientCredentialsEvent,
  type ClientCredentialsState,
  type ClientSecret,
} from './client-credentials.decider.js'
import { clientSecretsView } from './client-secrets.view.js'

/** By way of text: a buffer that Node makes for one hash takes more time than the hash. */
const digest = (secret: string): Buffer => Buffer.from(hash('sha256', secret, 'base64'), 'base64')

interface Verifiable {
  readonly digest: Buffer
  readonly expiresAt: number | undefined
}

export interface CreateSecret {
  readonly tenant: string
  readonly client: string
  readonly secretId: string
  readonly meta: EventMeta
  readonly expiresAt?: number
  readonly onlyFirst?: boolean
}

export interface CreatedSecret {
  /** Told once: only its hash is kept. */
  readonly secret: string
  readonly handled: Handled<ClientCredentialsEvent, ClientCredentialsState>
}

@Injectable()
export class ClientSecrets {
  readonly #aggregate: Aggregate<ClientCredentialsCommand, ClientCredentialsEvent, ClientCredentialsState>
  readonly #known = new Recent<readonly Verifiable[]>(10_000)

  constructor(
    @Inject(Aggregates) aggregates: Aggregates,
    @Inject(Views) views: Views,
    @Inject(Clock) private readonly clock: Clock,
  ) {
    this.#aggregate = aggregates.of(clientCredentials, { events: [clientSecretCreated, clientSecretRevoked] })
    // Another copy of the service made or revoked a secret.
    this.#known.keepFresh(views, clientSecretsView.name, (key) => key.slice(0, key.lastIndexOf('/')))
  }

  async create({ tenant, client, secretId, meta, expiresAt, onlyFirst }: CreateSecret): Promise<CreatedSecret | Refusal> {
    const secret = randomBytes(32).toString('base64url')
    const command = {
      type: 'create',
      secretId,
      hint: secret.slice(-4),
      sha256: digest(secret).toString('base64url'),
      expiresAt,
      now: this.clock.now(),
      onlyFirst,
    } as const
    const handled = await this.#aggregate.handle({ tenant, id: client, meta }, command)
    this.#known.delete(`${tenant}/${client}`)
    return isRefusal(handled) ? handled : { secret, handled }
  }

  async revoke(target: {
    tenant: string
    client: string
    secretId: string
    meta: EventMeta
  }): Promise<Handled<ClientCredentialsEvent, ClientCredentialsState> | Refusal> {
    const { tenant, client, secretId, meta } = target
    const handled = await this.#aggregate.handle({ tenant, id: client, meta }, { type: 'revoke', secretId })
    this.#known.delete(`${tenant}/${client}`)
    return handled
  }

  /** Secrets that were not revoked, expired ones among them. */
  async list(tenant: string, client: string): Promise<readonly ClientSecret[]> {
    return (await this.#aggregate.load(tenant, client)).state.secrets
  }

  /** Whether the secret is one of the client's valid ones. Compares hashes, each in constant time. */
  async verify(tenant: string, client: string, secret: string): Promise<boolean> {
    const known = await this.#known.through(`${tenant}/${client}`, async () => {
      const secrets = await this.list(tenant, client)
      return secrets.map(({ sha256, expiresAt }) => ({ digest: Buffer.from(sha256, 'base64url'), expiresAt }))
    })
    const given = digest(secret)
    const now = this.clock.now()
    let matches = false
    for (const one of known as readonly Verifiable[]) {
      const equal = one.digest.length === given.length && timingSafeEqual(one.digest, given)
      matches = (equal && isValidAt(one, now)) || matches
    }
    return matches
  }
}
