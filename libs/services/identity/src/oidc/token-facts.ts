/** What the token endpoint does that must be remembered: machine tokens issued, and refresh tokens that came twice. */
import { Inject, Injectable } from '@nestjs/common'
import type { Decider, EventMeta } from '@pavan/kernel'
import { accessTokenIssued, refreshTokenReused, type EventOf } from '@pavan/contracts'
import { Aggregates, type Aggregate } from '@pavan/platform/events/aggregates.js'

type Issued = EventOf<typeof accessTokenIssued>
type Reused = EventOf<typeof refreshTokenReused>

/** Facts stand alone: each has a stream of its own and nothing is decided on them. */
const fact = <E extends Issued | Reused>(category: string): Decider<never, E, null> => ({ category, initial: null, decide: () => [], evolve: () => null })

@Injectable()
export class TokenFacts {
  readonly #issued: Aggregate<never, Issued, null>
  readonly #reused: Aggregate<never, Reused, null>

  constructor(@Inject(Aggregates) aggregates: Aggregates) {
    this.#issued = aggregates.of(fact<Issued>('access-token'), { events: [accessTokenIssued] })
    this.#reused = aggregates.of(fact<Reused>('refresh-token-reuse'), { events: [refreshTokenReused] })
  }

  /** `id` is the token's `jti`. Durable when it resolves. */
  async issued(tenant: string, id: string, data: Issued['data'], meta: EventMeta): Promise<void> {
    await this.#issued.append({ tenant, id, meta }, [accessTokenIssued.of({ data })])
  }

  async reused(tenant: string, id: string, data: Reused['data'], meta: EventMeta): Promise<void> {
    await this.#reused.append({ tenant, id, subject: data.user, meta }, [refreshTokenReused.of({ data })])
  }
}
