/**
 * Looks whom a challenge is about, and writes its mail. It does so after the answer has left, so that how long an answer takes says nothing
 * about whether an address has an account. A challenge whose moment was missed, because the process died, is found by the job.
 */
import { Inject, Injectable } from '@nestjs/common'
import { passwordResetRequested, type EventOf } from '@pavan/contracts'
import { Aggregates, type Aggregate } from '@pavan/platform/events/aggregates.js'
import { defineJob } from '@pavan/platform/jobs/define-job.js'
import { Ids } from '@pavan/platform/service/ids.js'
import { Log } from '@pavan/platform/telemetry/log.js'
import { traceField, tracing } from '@pavan/platform/telemetry/tracing.js'
import { Mails } from '../mail/mails.js'
import type { Account } from '../oidc/account-source.js'
import { TenantDirectory, type Tenant } from '../oidc/tenant-directory.js'
import { Users } from '../user/users.js'
import { Challenges, type ChallengeRow, type Sealed } from './challenges.js'

type Requested = EventOf<typeof passwordResetRequested>

const facts = { category: 'password-reset', initial: null, decide: () => [], evolve: () => null } as const

interface Asked {
  readonly row: ChallengeRow
  readonly tenant: Tenant
  readonly email: string
  readonly known: Account | undefined
}

@Injectable()
export class ChallengeMails {
  readonly #facts: Aggregate<never, Requested, null>

  constructor(
    @Inject(Challenges) private readonly challenges: Challenges,
    @Inject(Users) private readonly users: Users,
    @Inject(Mails) private readonly mails: Mails,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Log) private readonly log: Log,
    @Inject(Aggregates) aggregates: Aggregates,
  ) {
    this.#facts = aggregates.of(facts, { events: [passwordResetRequested] })
  }

  /** Begins once the answer of the present request is on its way. */
  sendSoon({ tenant, id }: Pick<ChallengeRow, 'tenant' | 'id'>): void {
    setImmediate(() => void this.#try({}, async () => this.#sendTraced(await this.challenges.peek(tenant, id))))
  }

  async sendAll(): Promise<void> {
    for (const row of await this.challenges.asked()) await this.#try(row, () => this.#sendTraced(row))
  }

  async #try(of: Pick<ChallengeRow, 'traceparent'>, send: () => Promise<void>): Promise<void> {
    try {
      await send()
    } catch (error) {
      this.log.warn({ error, ...traceField(of) }, 'a code or link could not be sent; it is tried again')
    }
  }

  /** The job may come before what the request itself has begun. */
  async #sendTraced(row: ChallengeRow | undefined): Promise<void> {
    if (row?.phase !== 'asked') return
    const attributes = { 'pavan.mail.purpose': row.purpose, 'pavan.service': 'identity', 'pavan.tenant': row.tenant }
    await tracing.later(row, { name: 'write mail', attributes }, () => this.#send(row))
  }

  async #send(row: ChallengeRow): Promise<void> {
    const tenant = await this.tenants.byId(row.tenant)
    const email = row.sealed?.email
    // Whoever was erased meanwhile left no address.
    if (!tenant || email === undefined) return this.challenges.forget(row)
    if (row.purpose === 'verify') return this.#sendTo(row, tenant, email)
    const asked = { row, tenant, email, known: await this.users.byEmail(tenant.id, email) }
    return row.purpose === 'reset' ? this.#sendLink(asked) : this.#sendCode(asked)
  }

  /** A code to a new address; to the owner of a known one a word that they have an account, and no code is right. */
  #sendCode({ row, tenant, email, known }: Asked): Promise<void> {
    const user = known?.user ?? (row.user === row.tenant ? this.ids.make('user') : row.user)
    const template = known ? 'already-registered' : 'verify-email'
    const sealed: Sealed = known ? { email } : (row.sealed as Sealed)
    return this.challenges.send(row, { user, decoy: known !== undefined, sealed }, (code) => [
      this.mails.queue({ tenant, user, to: email, template, language: languageOf(row), values: { code } }),
    ])
  }

  /** Another code to the address of an account. */
  #sendTo(row: ChallengeRow, tenant: Tenant, email: string): Promise<void> {
    const { user, sealed } = row
    return this.challenges.send(row, { user, decoy: false, sealed }, (code) => [
      this.mails.queue({ tenant, user, to: email, template: 'verify-email', language: languageOf(row), values: { code } }),
    ])
  }

  /** A link to an account that may be used. Nobody else needs the challenge. */
  async #sendLink({ row, tenant, email, known }: Asked): Promise<void> {
    if (known?.status !== 'active') return this.challenges.forget(row)
    const { user } = known
    // Under the challenge's id, so that a second try writes no second event.
    const meta = { actor: { type: 'anonymous', id: 'anonymous' } as const, ...row.sealed?.meta, commandId: row.id }
    await this.#facts.append({ tenant: tenant.id, id: row.id, subject: user, meta }, [passwordResetRequested.of({ data: { user } })])
    const language = languageOf(row)
    await this.challenges.send(row, { user, decoy: false, sealed: undefined }, (secret) => {
      const link = `${this.tenants.issuerOf(tenant)}/reset?token=${row.id}.${secret}&ui_locales=${language}`
      return [this.mails.queue({ tenant, user, to: email, template: 'reset-password', language, values: { link } })]
    })
  }
}

const languageOf = ({ locale }: ChallengeRow): 'en' | 'ar' => (locale === 'ar' ? 'ar' : 'en')

export const sendChallenges = defineJob({
  name: 'send-challenges',
  everyMs: 1_000,
  inject: [ChallengeMails],
  with: (mails: ChallengeMails) => () => mails.sendAll(),
})
