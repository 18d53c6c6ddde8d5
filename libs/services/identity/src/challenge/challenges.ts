/**
 * Codes and links that prove something once: an address, the right to a new password, the first administrator. A challenge never decides by
 * itself: what it allows is done under its id as command id, so that of any number of parallel uses one writes an event.
 */
import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import { Inject, Injectable } from '@nestjs/common'
import { Clock, refuse, type EventMeta, type Refusal } from '@pavan/kernel'
import { tracing } from '@pavan/platform/telemetry/tracing.js'
import { insert, keyOf, patch, remove } from '@pavan/platform/views/changes.js'
import { defineTable, Rows, type RowChange } from '@pavan/platform/views/rows.js'

export type Purpose = 'sign-up' | 'verify' | 'reset' | 'email'

export interface Sealed {
  readonly email?: string
  readonly name?: string
  readonly passwordHash?: string
  /** Of whoever asked, until the mail is written. */
  readonly meta?: EventMeta
}

export interface ChallengeRow {
  readonly tenant: string
  readonly id: string
  readonly purpose: Purpose
  /** `asked`: nobody has looked yet whom it is about, and no mail is written (challenge-mails.ts). */
  readonly phase: 'asked' | 'sent'
  /** The person whom it is about, or will be; the tenant while it is asked for. */
  readonly user: string
  /** SHA-256 of id and secret. A decoy has the hash of something that nobody was told. */
  readonly hash: string
  readonly decoy: boolean
  readonly tries: number
  readonly resends: number
  readonly client?: string
  readonly locale?: string
  readonly expiresAt: number
  /** Of the request that asked for it. */
  readonly traceparent?: string
  readonly sealed?: Sealed
}

export const challenges = defineTable<ChallengeRow>({
  name: 'challenges',
  version: 2,
  durability: 'full',
  indexes: { byUser: ['tenant', 'user'], byPhase: ['phase', 'expiresAt'] },
  expires: 'expiresAt',
  personal: { field: 'sealed', tenant: 'tenant', subject: 'user' },
})

const codeMinutes = 15
const linkMinutes = 60
const maxTries = 5
const maxResends = 3

const nobodyWasTold = (): string => randomBytes(16).toString('hex')

const hashOf = (id: string, secret: string): string => createHash('sha256').update(`${id}.${secret}`).digest('base64url')

export type NewChallenge = Pick<ChallengeRow, 'tenant' | 'purpose' | 'user' | 'client' | 'locale' | 'sealed'>

/** Whom a challenge turned out to be about. */
export type Addressee = Pick<ChallengeRow, 'user' | 'decoy' | 'sealed'>

@Injectable()
export class Challenges {
  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Keeps a challenge together with other changes, such as its mail. `secret` is a code of six digits, or 256 bits for a link. */
  async make(challenge: NewChallenge, also: (secret: string, id: string) => readonly RowChange<any>[]): Promise<{ readonly id: string }> {
    const secret = this.#secret(challenge.purpose)
    const row = this.#row(challenge, 'sent', secret)
    await this.rows.apply([insert(challenges, keyOf(row.tenant, row.id), row), ...also(secret, row.id)])
    return row
  }

  /** Keeps a challenge that is sent by `send` later. One write, whoever it is about; until then no secret is right. */
  async ask(challenge: Omit<NewChallenge, 'user'>): Promise<ChallengeRow> {
    const row = this.#row({ ...challenge, user: challenge.tenant }, 'asked', nobodyWasTold())
    await this.rows.apply([insert(challenges, keyOf(row.tenant, row.id), row)])
    return row
  }

  /** Has a challenge sent anew, three times at most. */
  async askAgain({ tenant, id, resends }: ChallengeRow): Promise<boolean> {
    if (resends >= maxResends) return false
    const set = { phase: 'asked', resends: resends + 1, ...tracing.carried() } as const
    return (await this.rows.apply([patch(challenges, keyOf(tenant, id), set, { phase: 'sent', resends })])).applied
  }

  /** Those that wait to be sent. */
  async asked(): Promise<readonly ChallengeRow[]> {
    return (await this.rows.find(challenges, { index: 'byPhase', where: { phase: 'asked' }, limit: 100 })).items
  }

  /** Gives an asked challenge its secret and its mail in one commit. Of several that try, one does. */
  async send({ tenant, id, purpose, resends }: ChallengeRow, to: Addressee, also: (secret: string) => readonly RowChange<any>[]): Promise<void> {
    const secret = this.#secret(purpose)
    const set = { ...to, tenant, phase: 'sent', tries: 0, hash: hashOf(id, to.decoy ? nobodyWasTold() : secret) } as const
    await this.rows.apply([patch(challenges, keyOf(tenant, id), set, { phase: 'asked', resends }), ...also(secret)])
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

  /** True for the first of all who use it up. */
  async consume({ tenant, id }: ChallengeRow): Promise<boolean> {
    return (await this.rows.apply([remove(challenges, keyOf(tenant, id), { phase: 'sent' })])).applied
  }

  async forget({ tenant, id }: Pick<ChallengeRow, 'tenant' | 'id'>): Promise<void> {
    await this.rows.apply([remove(challenges, keyOf(tenant, id))])
  }

  #row(challenge: NewChallenge, phase: ChallengeRow['phase'], secret: string): ChallengeRow {
    const id = `chg_${randomBytes(16).toString('base64url')}`
    const minutes = challenge.purpose === 'reset' ? linkMinutes : codeMinutes
    const expiresAt = this.clock.now() + minutes * 60_000
    return { ...challenge, id, phase, decoy: false, hash: hashOf(id, secret), tries: 0, resends: 0, expiresAt, ...tracing.carried() }
  }

  #secret(purpose: Purpose): string {
    return purpose === 'reset' ? randomBytes(32).toString('base64url') : String(randomInt(1_000_000)).padStart(6, '0')
  }
}
