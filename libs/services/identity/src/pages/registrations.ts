/** Sign-up and password reset: an address is proved before anything is kept under it, and nobody learns which addresses have an account. */
import { Inject, Injectable } from '@nestjs/common'
import { isRefusal, orThrow, refuse, type EventMeta, type Refusal } from '@pavan/kernel'
import { registrationStarted, type EventOf } from '@pavan/contracts'
import { Aggregates, type Aggregate } from '@pavan/platform/events/aggregates.js'
import { Ids } from '@pavan/platform/service/ids.js'
import { Mails } from '../mail/mails.js'
import { ChallengeMails } from '../challenge/challenge-mails.js'
import { Challenges, type ChallengeRow } from '../challenge/challenges.js'
import type { Tenant } from '../oidc/tenant-directory.js'
import { UserSessions } from '../oidc/interaction.js'
import { Users } from '../user/users.js'
import type { Language } from './messages.js'

type Fact = EventOf<typeof registrationStarted>

const facts = { category: 'registration', initial: null, decide: () => [], evolve: () => null } as const

export interface SignUp {
  readonly email: string
  readonly name?: string
  readonly password: string
  readonly client?: string
  readonly language: Language
}

@Injectable()
export class Registrations {
  readonly #facts: Aggregate<never, Fact, null>

  constructor(
    @Inject(Users) private readonly users: Users,
    @Inject(Challenges) private readonly challenges: Challenges,
    @Inject(ChallengeMails) private readonly challengeMails: ChallengeMails,
    @Inject(Mails) private readonly mails: Mails,
    @Inject(UserSessions) private readonly sessions: UserSessions,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Aggregates) aggregates: Aggregates,
  ) {
    this.#facts = aggregates.of(facts, { events: [registrationStarted] })
  }

  async opened(tenant: Tenant, client: string | undefined, meta: EventMeta): Promise<void> {
    await this.#facts.append({ tenant: tenant.id, id: this.ids.make('request'), meta }, [registrationStarted.of({ data: { client } })])
  }

  /**
   * Asks for a code to a new address, or a word to the owner of a known one; the id of the challenge either way. The answer is ready before
   * anybody has looked which of the two it is.
   */
  async begin(tenant: Tenant, { email, name, password, client, language }: SignUp): Promise<string> {
    const passwordHash = orThrow(await this.users.hashNew(tenant.id, password, [email, ...(name === undefined ? [] : [name])]))
    const row = await this.challenges.ask({ tenant: tenant.id, purpose: 'sign-up', client, locale: language, sealed: { email, name, passwordHash } })
    this.challengeMails.sendSoon(row)
    return row.id
  }

  /** Another code, as often as the challenge allows. */
  async resend(tenant: Tenant, id: string): Promise<void> {
    const row = await this.challenges.peek(tenant.id, id)
    if (row && isCode(row) && (await this.challenges.askAgain(row))) this.challengeMails.sendSoon(row)
  }

  /** Sends a code to somebody who gave the right password and whose address nobody has proved: an administrator or an import made the account. */
  async verify(tenant: Tenant, { user, email, language }: { readonly user: string; readonly email: string; readonly language: Language }): Promise<string> {
    const { id } = await this.challenges.make({ tenant: tenant.id, purpose: 'verify', user, locale: language, sealed: { email } }, (code) => [
      this.mails.queue({ tenant, user, to: email, template: 'verify-email', language, values: { code } }),
    ])
    return id
  }

  /** The person, new or verified, once the code is right. Of several uses of one code, one counts. */
  async finish(tenant: Tenant, id: string, code: string, meta: EventMeta): Promise<{ readonly user: string } | Refusal> {
    const known = await this.challenges.peek(tenant.id, id)
    const row = await this.challenges.open(tenant.id, id, known?.purpose === 'verify' ? 'verify' : 'sign-up', code)
    if (isRefusal(row)) return row
    if (row.purpose === 'verify') return this.#verified(row, meta)
    const { user, sealed } = row as ChallengeRow
    if (sealed?.email === undefined) return refuse('identity.challenge.expired')
    const { email, name, passwordHash } = sealed
    const handled = await this.users.once(
      tenant.id,
      user,
      { type: 'register', method: 'password', email, name, passwordHash, emailVerified: true, client: row.client, locale: row.locale },
      { ...meta, actor: { type: 'user', id: user }, commandId: id },
    )
    if (isRefusal(handled)) return handled
    await this.challenges.forget(row)
    return { user }
  }

  async #verified(row: ChallengeRow, meta: EventMeta): Promise<{ readonly user: string } | Refusal> {
    if (!(await this.challenges.consume(row))) return refuse('identity.challenge.used')
    const handled = await this.users.handle(row.tenant, row.user, { type: 'verify-email' }, { ...meta, actor: { type: 'user', id: row.user } })
    return isRefusal(handled) ? handled : { user: row.user }
  }

  /** Asks for a link if the address has an account. Ready, too, before anybody has looked. */
  async forgot(tenant: Tenant, email: string, language: Language, meta: EventMeta): Promise<void> {
    this.challengeMails.sendSoon(await this.challenges.ask({ tenant: tenant.id, purpose: 'reset', locale: language, sealed: { email, meta } }))
  }

  /** Sets the new password, ends every session. Of several uses of one link, one counts. */
  async reset(tenant: Tenant, token: string, password: string, meta: EventMeta): Promise<{ readonly user: string } | Refusal> {
    const [id = '', secret = ''] = token.split('.')
    const row = await this.challenges.open(tenant.id, id, 'reset', secret)
    if (isRefusal(row)) return row
    const { user } = row
    const account = await this.users.find(tenant.id, user)
    const passwordHash = orThrow(await this.users.hashNew(tenant.id, password, account?.email === undefined ? [] : [account.email]))
    const acting: EventMeta = { ...meta, actor: { type: 'user', id: user }, commandId: id }
    const handled = await this.users.once(tenant.id, user, { type: 'change-password', method: 'reset', passwordHash }, acting)
    if (isRefusal(handled)) return handled
    await this.challenges.forget(row)
    const { commandId: _, ...rest } = acting
    await this.users.handle(tenant.id, user, { type: 'verify-email' }, rest)
    await this.sessions.endAll(tenant.id, user, 'password-changed', { meta: rest })
    return { user }
  }
}

const isCode = ({ purpose }: ChallengeRow): boolean => purpose === 'sign-up' || purpose === 'verify'
