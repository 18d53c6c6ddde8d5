/** The keys that sign a tenant's cookies: made at first use, kept encrypted, replaced now and then. */
import { randomBytes } from 'node:crypto'
import { Inject, Injectable } from '@nestjs/common'
import { Clock } from '@pavan/kernel'
import { insert, keyOf, remove } from '@pavan/platform/views/changes.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { cookieKeys, type CookieKeyRow } from './oidc-tables.js'

const day = 86_400_000
/** A new key signs after this time … */
const signingDays = 30
/** … and an old one verifies for as long as the longest session that it signed (contracts: tenantSettings). */
const verifyingDays = signingDays + 31

@Injectable()
export class CookieKeys {
  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** The key that signs, then those that still verify. */
  async of(tenant: string): Promise<string[]> {
    const now = this.clock.now()
    const known = await this.#read(tenant)
    if (known[0] && now - known[0].createdAt < signingDays * day) return known.map(({ sealed }) => sealed?.key ?? '')
    // The key is named by its month-long slot, so that of several that come at once one is made.
    const slot = Math.floor(now / (signingDays * day))
    const row: CookieKeyRow = { tenant, createdAt: now, sealed: { key: randomBytes(32).toString('base64url') } }
    await this.rows.apply([insert(cookieKeys, keyOf(tenant, slot), row)])
    const outdated = known.filter(({ createdAt }) => now - createdAt > verifyingDays * day)
    await this.rows.apply(outdated.map(({ createdAt }) => remove(cookieKeys, keyOf(tenant, Math.floor(createdAt / (signingDays * day))))))
    return (await this.#read(tenant)).map(({ sealed }) => sealed?.key ?? '')
  }

  async #read(tenant: string): Promise<readonly CookieKeyRow[]> {
    return (await this.rows.find(cookieKeys, { index: 'byTenant', where: { tenant }, order: 'desc', limit: 100 })).items
  }
}
