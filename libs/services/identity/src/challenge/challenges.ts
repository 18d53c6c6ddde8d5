/**
 * Codes and links that prove something once: an address, the right to a new password, the first administrator. A challenge never decides by
 * itself: what it allows is done under its id as command id, so that of any number of parallel uses one writes an event.
 */
import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import { Inject, Injectable } from '@nestjs/common'
import { Clock, refuse, type Refusal } from '@pavan/kernel'
import { insert, keyOf, patch, remove } from '@pavan/platform/views/changes.js'
import { defineTable, Rows, type RowChange } from '@pavan/platform/views/rows.js'

export type Purpose = 'sign-up' | 'reset' | 'email'

export interface Sealed {
  readonly email?: string
  readonly name?: string
  readonly passwordHash?: string
}

export interface ChallengeRow {
  readonly tenant: string
  readonly id: string
  readonly purpose: Purpose
  /** The person whom it is about, or will be. */
  readonly user: string
  /** SHA-256 of id and secret. A decoy has the hash of something that nobody was told. */
  readonly hash: string
  readonly decoy: boolean
  readonly tries: number
  readonly resends: number
  readonly client?: string
  readonly locale?: string
  readonly expiresAt: number
  readonly sealed?: Sealed
}

export const challenges = defineTable<ChallengeRow>({
  name: 'challenges',
  version: 1,
  durability: 'full',
  indexes: { byUser: ['tenant', 'user'] },
  expires: 'expiresAt',
  personal: { field: 'sealed', tenant: 'tenant', subject: 'user' },
})

export const codeMinutes = 15
export const linkMinutes = 60
const maxTries = 5
const maxResends = 3

const hashOf = (id: string, secret: string): string => createHash('sha256').update(`${id}.${secret}`).digest('base64url')

export interface NewChallenge extends Pick<ChallengeRow, 'tenant' | 'purpose' | 'user' | 'client' | 'locale' | 'sealed'> {
  readonly decoy?: boolean
}

@Injectable()
export class Challenges {
  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Keeps a challenge together with other changes, such as its mail. `secret` is a code of six digits, or 256 bits for a link. */
  async make(challenge: NewChallenge, also: (secret: string, id: string) => readonly RowChange<any>[]): Promise<{ readonly id: string }> {
    const id = `chg_${randomBytes(16).toString('base64url')}`
    const secret = this.#secret(challenge.purpose)
    const minutes = challenge.purpose === 'reset' ? linkMinutes : codeMinutes
    const { decoy = false, ...rest } = challenge
    const row: ChallengeRow = {
      ...rest,
      id,
      decoy,
      hash: hashOf(id, decoy ? randomBytes(16).toString('hex') : secret),
      tries: 0,
      resends: 0,
      expiresAt: this.clock.now() + minutes * 60_000,
    }
    await this.rows.apply([insert(challenges, keyOf(challenge.tenant, id), row), ...also(secret, id)])
    return { id }
  }

  /** The challenge if the secret is right. Every try counts before it is judged. */
  async open(tenant: string, id: string, purpose: Purpose, secret: string): Promise<ChallengeRow | Refusal> {
    const key = keyOf(tenant, id)
    for (;;) {
      const row = await this.rows.get(challenges, key)
      if (!row || row.purpose !== purpose) return refuse('identity.challenge.expired')
      const right = !row.decoy && timingSafeEqual(Buffer.from(hashOf(id, secret)), Buffer.from(row.hash))
      // A right secret may come several times at once: what it allows is done once. A wrong one is counted.
      if (row.tries >= maxTries) return refuse('identity.challenge.expired')
      if (right) return row
      const counted = await this.rows.apply([patch(challenges, key, { tries: row.tries + 1 }, { tries: row.tries })])
      if (counted.applied) return refuse('identity.challenge.wrong')
    }
  }

  async peek(tenant: string, id: string): Promise<ChallengeRow | undefined> {
    return this.rows.get(challenges, keyOf(tenant, id))
  }

  /** A new code for the same challenge, three times at most. */
  async renew(row: ChallengeRow, also: (secret: string) => readonly RowChange<any>[]): Promise<boolean> {
    if (row.resends >= maxResends) return false
    const secret = this.#secret(row.purpose)
    const set = { hash: hashOf(row.id, row.decoy ? randomBytes(16).toString('hex') : secret), tries: 0, resends: row.resends + 1 }
    const change = patch(challenges, keyOf(row.tenant, row.id), set, { resends: row.resends })
    return (await this.rows.apply([change, ...also(secret)])).applied
  }

  async forget({ tenant, id }: Pick<ChallengeRow, 'tenant' | 'id'>): Promise<void> {
    await this.rows.apply([remove(challenges, keyOf(tenant, id))])
  }

  #secret(purpose: Purpose): string {
    return purpose === 'reset' ? randomBytes(32).toString('base64url') : String(randomInt(1_000_000)).padStart(6, '0')
  }
}
