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

export interface FailedAttempt {
  readonly email: string
  readonly address?: string
  readonly user?: string
  readonly meta: EventMeta
}

const facts = { category: 'lockout', initial: null, decide: () => [], evolve: () => null } as const

@Injectable()
export class Lockouts {
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

  async locked(tenant: string, email: string, address: string | undefined, rules: Rules): Promise<boolean> {
    const account = await this.rows.get(lockouts, this.#account(tenant, email))
    const place = address === undefined ? undefined : await this.rows.get(lockouts, this.#address(tenant, address))
    return (account?.failures ?? 0) >= rules.accountFailures || (place?.failures ?? 0) >= rules.addressFailures
  }

  async count(tenant: string, { email, address, user, meta }: FailedAttempt, rules: Rules): Promise<void> {
    const expiresAt = this.clock.now() + rules.windowSeconds * 1000
    const scopes = [
      { scope: 'account' as const, key: this.#account(tenant, email), limit: rules.accountFailures },
      ...(address === undefined ? [] : [{ scope: 'address' as const, key: this.#address(tenant, address), limit: rules.addressFailures }]),
    ]
    await this.rows.apply(scopes.map(({ key }) => add(lockouts, key, { failures: 1 }, { tenant, failures: 0, locked: false, expiresAt })))
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

  async clear(tenant: string, email: string): Promise<void> {
    const key = this.#account(tenant, email)
    if (await this.rows.get(lockouts, key)) await this.rows.apply([remove(lockouts, key)])
  }

  #account(tenant: string, email: string): string {
    return keyOf(tenant, 'account', this.blind.of(tenant, 'lockout-account', email))
  }

  #address(tenant: string, address: string): string {
    return keyOf(tenant, 'address', this.blind.of(tenant, 'lockout-address', address))
  }
}
