/** Remembers what people allowed. Read from the stream: whether somebody is asked is a security decision. */
import { Inject, Injectable } from '@nestjs/common'
import { orThrow, type EventMeta } from '@pavan/kernel'
import { consentGiven, consentWithdrawn } from '@pavan/contracts'
import { Aggregates, type Aggregate, type Handled } from '@pavan/platform/events/aggregates.js'
import { removeAll } from '@pavan/platform/views/changes.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { artifacts } from '../oidc/oidc-tables.js'
import { consent, consentId, type ConsentCommand, type ConsentEvent, type ConsentState } from './consent.decider.js'

export interface ConsentPair {
  readonly tenant: string
  readonly user: string
  readonly client: string
  readonly meta: EventMeta
}

@Injectable()
export class Consents {
  readonly #aggregate: Aggregate<ConsentCommand, ConsentEvent, ConsentState>

  constructor(
    @Inject(Aggregates) aggregates: Aggregates,
    @Inject(Rows) private readonly rows: Rows,
  ) {
    this.#aggregate = aggregates.of(consent, { events: [consentGiven, consentWithdrawn] })
  }

  /** Everything that the person allowed the client so far. */
  async scopes(tenant: string, user: string, client: string): Promise<readonly string[]> {
    return (await this.#aggregate.load(tenant, consentId(user, client))).state.scopes
  }

  async give({ tenant, user, client, meta }: ConsentPair, scopes: readonly string[]): Promise<void> {
    orThrow(await this.#aggregate.handle({ tenant, id: consentId(user, client), subject: user, meta }, { type: 'give', user, client, scopes }))
  }

  /** The client's tokens die with the consent. */
  async withdraw({ tenant, user, client, meta }: ConsentPair): Promise<Handled<ConsentEvent, ConsentState>> {
    const handled = orThrow(await this.#aggregate.handle({ tenant, id: consentId(user, client), subject: user, meta }, { type: 'withdraw', user, client }))
    await this.rows.apply([removeAll(artifacts, 'byUser', { tenant, user, client })])
    return handled
  }
}
