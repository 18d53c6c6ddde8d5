/** Slows guessing down: after too many failures an account, or an address, is refused for a while. Known and unknown accounts alike. */
import { Inject, Injectable } from '@nestjs/common'
import { Clock, type EventMeta } from '@pavan/kernel'
import { lockoutImposed, type EventOf, type TenantSettings } from '@pavan/contracts'
import { Aggregates, type Aggregate } from '@pavan/platform/events/aggregates.js'
import { BlindIndex } from '@pavan/platform/privacy/blind-index.js'
import { Ids } from '@pavan/platform/service/ids.js'
import { add, keyOf, patch, remove } from '@pavan/platform/views/changes.js'
import { defineTable, Rows } from '@pavan/platform/views/rows.js'

export interface LockoutRow {
  readonly tenant: string
  readonly failures: number
  readonly locked: boolean
  readonly expiresAt: number
}

/** Keys are keyed hashes: neither the address nor the e-mail can be read from them. */
export const lockouts = defineTable<LockoutRow>({ name: 'lockouts', version: 1, durability: 'full', indexes: {}, expires: 'expiresAt' })

type Rules = TenantSettings['lockout']

/** Keys of the rows that count, as keyed hashes. */
export interface Counted {
  readonly tenant: string
  readonly account: string
  readonly place: string | undefined
}

export interface Standing {
  readonly locked: boolean
  /** Whether the account has failures that count. */
  readonly counted: boolean
  /** How many failures this process had counted when it was looked up. */
  readonly after: number
}

export interface FailedAttempt {
  readonly user?: string
  readonly meta: EventMeta
}

const facts = { category: 'lockout', initial: null, decide: () => [], evolve: () => null } as const

@Injectable()
export class Lockouts {
  #failures = 0
  readonly #facts: Aggregate<never, EventOf<typeof lockoutImposed>, null>

  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(BlindIndex) private readonly blind: BlindIndex,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Aggregates) aggregates: Aggregates,
  ) {
    this.#facts = aggregates.of(facts, { events: [lockoutImposed] })
  }

  /** Whom the failures of an attempt are counted against. */
  of(tenant: string, email: string, address: string | undefined): Counted {
    return {
      tenant,
      account: keyOf(tenant, 'account', this.blind.of(tenant, 'lockout-account', email)),
      place: address === undefined ? undefined : keyOf(tenant, 'address', this.blind.of(tenant, 'lockout-address', address)),
    }
  }

  /** `before`: of a moment ago. It still holds where no other process counts and this one has counted nothing since. */
  async standing({ account, place }: Counted, rules: Rules, before?: Standing): Promise<Standing> {
    const after = this.#failures
    if (before?.after === after && !this.rows.shared) return before
    const [own, near] = await Promise.all([this.rows.get(lockouts, account), place === undefined ? undefined : this.rows.get(lockouts, place)])
    return { locked: (own?.failures ?? 0) >= rules.accountFailures || (near?.failures ?? 0) >= rules.addressFailures, counted: own !== undefined, after }
  }

  async count({ tenant, account, place }: Counted, { user, meta }: FailedAttempt, rules: Rules): Promise<void> {
    this.#failures++
    const expiresAt = this.clock.now() + rules.windowSeconds * 1000
    const scopes = [
      { scope: 'account' as const, key: account, limit: rules.accountFailures },
      ...(place === undefined ? [] : [{ scope: 'address' as const, key: place, limit: rules.addressFailures }]),
    ]
    await this.rows.apply(scopes.map(({ key }) => add(lockouts, key, { failures: 1 }, { tenant, failures: 0, locked: false, expiresAt })))
    // Once more, for whoever looked while it was being written.
    this.#failures++
    for (const { scope, key, limit } of scopes) {
      const row = await this.rows.get(lockouts, key)
      if (!row || row.failures < limit || row.locked) continue
      const until = this.clock.now() + rules.lockSeconds * 1000
      // Of several that see the limit reached, one locks and tells.
      const result = await this.rows.apply([patch(lockouts, key, { locked: true, expiresAt: until }, { locked: false })])
      if (!result.applied) continue
      const data = { scope, until, ...(scope === 'account' && user !== undefined ? { user } : {}) }
      await this.#facts.append({ tenant, id: this.ids.make('request'), meta }, [lockoutImposed.of({ data })])
    }
  }

  /** Forgets the failures of an account. */
  async clear({ account }: Counted): Promise<void> {
    await this.rows.apply([remove(lockouts, account)])
  }
}
