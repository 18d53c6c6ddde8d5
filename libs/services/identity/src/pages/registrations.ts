/** Sign-up and password reset: an address is proved before anything is kept under it, and nobody learns which addresses have an account. */
import { Inject, Injectable } from '@nestjs/common'
import { isRefusal, type EventMeta, type Refusal } from '@pavan/kernel'
import { passwordResetRequested, registrationStarted, type EventOf } from '@pavan/contracts'
import { Aggregates, type Aggregate } from '@pavan/platform/events/aggregates.js'
import { Ids } from '@pavan/platform/service/ids.js'
import { Challenges, type ChallengeRow } from '../challenge/challenges.js'
import { Mails } from '../mail/mails.js'
import type { Tenant } from '../oidc/tenant-directory.js'
import { UserSessions } from '../oidc/interaction.js'
import { Users } from '../user/users.js'
import type { Language } from './messages.js'

type Fact = EventOf<typeof registrationStarted> | EventOf<typeof passwordResetRequested>

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
    @Inject(Mails) private readonly mails: Mails,
    @Inject(UserSessions) private readonly sessions: UserSessions,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Aggregates) aggregates: Aggregates,
  ) {
    this.#facts = aggregates.of(facts, { events: [registrationStarted, passwordResetRequested] })
  }

  async opened(tenant: Tenant, client: string | undefined, meta: EventMeta): Promise<void> {
    await this.#facts.append({ tenant: tenant.id, id: this.ids.make('request'), meta }, [registrationStarted.of({ data: { client } })])
  }

  /** Sends a code to a new address, or a word to the owner of a known one; the id of the challenge either way. */
  async begin(tenant: Tenant, { email, name, password, client, language }: SignUp): Promise<string> {
    const passwordHash = await this.users.hashNew(tenant.id, password, [email, ...(name === undefined ? [] : [name])])
    const known = await this.users.byEmail(tenant.id, email)
    const user = this.ids.make('user')
    const common = { tenant: tenant.id, purpose: 'sign-up', client, locale: language } as const
    const challenge = known
      ? await this.challenges.make({ ...common, user: known.user, decoy: true, sealed: { email } }, () => [
          this.mails.queue({ tenant, user: known.user, to: email, template: 'already-registered', language }),
        ])
      : await this.challenges.make({ ...common, user, sealed: { email, name, passwordHash } }, (code) => [
          this.mails.queue({ tenant, user, to: email, template: 'verify-email', language, values: { code } }),
        ])
    return challenge.id
  }

  async resend(tenant: Tenant, id: string): Promise<void> {
    const row = await this.challenges.peek(tenant.id, id)
    const to = row?.sealed?.email
    if (!row || row.purpose !== 'sign-up' || to === undefined) return
    const language = (row.locale ?? 'en') as Language
    const template = row.decoy ? 'already-registered' : 'verify-email'
    await this.challenges.renew(row, (code) => [this.mails.queue({ tenant, user: row.user, to, template, language, values: { code } })])
  }

  /** The new person, once the code is right. Of several uses of one code, one makes the account. */
  async finish(tenant: Tenant, id: string, code: string, meta: EventMeta): Promise<{ readonly user: string } | Refusal> {
    const row = await this.challenges.open(tenant.id, id, 'sign-up', code)
    if (isRefusal(row)) return row
    const { user, sealed } = row as ChallengeRow
    if (sealed?.email === undefined) return { refused: true, code: 'identity.challenge.expired', params: {} }
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

  /** Sends a link if the address has an account. */
  async forgot(tenant: Tenant, email: string, language: Language, link: (token: string) => string, meta: EventMeta): Promise<void> {
    const known = await this.users.byEmail(tenant.id, email)
    const usable = known?.status === 'active' ? known : undefined
    const user = usable?.user ?? this.ids.make('user')
    await this.challenges.make({ tenant: tenant.id, purpose: 'reset', user, decoy: !usable }, (secret, id) =>
      usable ? [this.mails.queue({ tenant, user, to: email, template: 'reset-password', language, values: { link: link(`${id}.${secret}`) } })] : [],
    )
    if (usable)
      await this.#facts.append({ tenant: tenant.id, id: this.ids.make('request'), meta, subject: user }, [passwordResetRequested.of({ data: { user } })])
  }

  /** Sets the new password, ends every session. Of several uses of one link, one counts. */
  async reset(tenant: Tenant, token: string, password: string, meta: EventMeta): Promise<{ readonly user: string } | Refusal> {
    const [id = '', secret = ''] = token.split('.')
    const row = await this.challenges.open(tenant.id, id, 'reset', secret)
    if (isRefusal(row)) return row
    const { user } = row
    const account = await this.users.find(tenant.id, user)
    const passwordHash = await this.users.hashNew(tenant.id, password, account?.email === undefined ? [] : [account.email])
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
