/** Makes and rotates the signing keys of tenants. */
import { Inject, Injectable } from '@nestjs/common'
import { Clock, isRefusal, orThrow, type EventMeta, type Refusal } from '@pavan/kernel'
import { signingKeyCreated, signingKeyRetired } from '@pavan/contracts'
import { Aggregates, type Aggregate, type Handled } from '@pavan/platform/events/aggregates.js'
import { Ids } from '@pavan/platform/service/ids.js'
import { exportJWK, generateKeyPair } from 'jose'
import { signingKeys, type NewKey, type SigningKeysCommand, type SigningKeysEvent, type SigningKeysState } from './signing-keys.decider.js'

/** Longest time that a token signed by an old key can still be good: ID tokens of an hour (contracts: tenantSettings), and clocks that differ. */
const longestToken = 3_600_000 + 300_000

const system: EventMeta = { actor: { type: 'system', id: 'identity' } }

@Injectable()
export class SigningKeyMaker {
  readonly #aggregate: Aggregate<SigningKeysCommand, SigningKeysEvent, SigningKeysState>
  readonly #listeners = new Set<(tenant: string) => void>()

  constructor(
    @Inject(Aggregates) aggregates: Aggregates,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
  ) {
    this.#aggregate = aggregates.of(signingKeys, { events: [signingKeyCreated, signingKeyRetired] })
  }

  /** The keys of a tenant; its first one is made when there is none yet. Safe when several ask at once. */
  async ensure(tenant: string, meta: EventMeta = system): Promise<SigningKeysState> {
    const { state } = await this.#aggregate.load(tenant, tenant)
    if (state.keys.length > 0) return state
    const command = { type: 'ensure', key: await this.#newKey(), now: this.clock.now() } as const
    return orThrow(await this.#aggregate.handle({ tenant, id: tenant, meta }, command)).state
  }

  /** Publishes a new key, which begins to sign after `leadMillis`; the old ones verify until their last token has expired. */
  async rotate(tenant: string, leadMillis: number, meta: EventMeta): Promise<Handled<SigningKeysEvent, SigningKeysState> | Refusal> {
    const now = this.clock.now()
    const activeFrom = now + leadMillis
    const command = { type: 'rotate', key: await this.#newKey(), now, activeFrom, verifiedUntil: activeFrom + longestToken } as const
    const handled = await this.#aggregate.handle({ tenant, id: tenant, meta }, command)
    if (!isRefusal(handled)) for (const listener of this.#listeners) listener(tenant)
    return handled
  }

  /** Called with the tenant whose keys were rotated by this copy of the service. */
  onRotated(listener: (tenant: string) => void): void {
    this.#listeners.add(listener)
  }

  async #newKey(): Promise<NewKey> {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const kid = this.ids.make('key')
    const common = { kid, alg: 'ES256', use: 'sig' }
    return { kid, alg: 'ES256', jwk: { ...(await exportJWK(publicKey)), ...common }, privateJwk: { ...(await exportJWK(privateKey)), ...common } }
  }
}
