/** What people change of their own account, by the API and by the pages alike: each change asks for the password again. */
import { Inject, Injectable } from '@nestjs/common'
import { isRefusal, orThrow, refuse, type EventMeta, type Refusal } from '@pavan/kernel'
import type { Handled } from '@pavan/platform/events/aggregates.js'
import { Challenges } from '../challenge/challenges.js'
import { Mails } from '../mail/mails.js'
import { UserSessions } from '../oidc/interaction.js'
import { TenantDirectory, type Tenant } from '../oidc/tenant-directory.js'
import type { UserEvent, UserState } from './user.decider.js'
import { Users } from './users.js'

export interface Owner {
  readonly tenant: string
  readonly user: string
  /** The session in which they act. */
  readonly session?: string
  readonly meta: EventMeta
}

type Changed = Handled<UserEvent, UserState>

@Injectable()
export class OwnAccounts {
  constructor(
    @Inject(Users) private readonly users: Users,
    @Inject(UserSessions) private readonly sessions: UserSessions,
    @Inject(Challenges) private readonly challenges: Challenges,
    @Inject(Mails) private readonly mails: Mails,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
  ) {}

  /** Every other session ends before this resolves. */
  async changePassword(owner: Owner, current: string, wanted: string): Promise<Changed | Refusal> {
    const { tenant, user, session, meta } = owner
    const email = await this.#prove(owner, current)
    if (isRefusal(email)) return email
    const passwordHash = orThrow(await this.users.hashNew(tenant, wanted, [email]))
    const handled = await this.users.handle(tenant, user, { type: 'change-password', method: 'change', passwordHash, session }, meta)
    if (!isRefusal(handled)) await this.sessions.endAll(tenant, user, 'password-changed', { meta, except: session })
    return handled
  }

  /** Sends a code to the new address; answers the challenge by which it is confirmed. Says nothing about whether somebody has the address. */
  async askForEmail(owner: Owner, password: string, email: string): Promise<string | Refusal> {
    const { tenant, user } = owner
    const proved = await this.#prove(owner, password)
    if (isRefusal(proved)) return proved
    const at = (await this.tenants.byId(tenant)) as Tenant
    const { locale } = (await this.users.find(tenant, user)) ?? {}
    const { id } = await this.challenges.make({ tenant, purpose: 'email', user, sealed: { email } }, (code) => [
      this.mails.queue({ tenant: at, user, to: email, template: 'change-email', language: languageFor(at, locale), values: { code } }),
    ])
    return id
  }

  /** The address is exchanged in one commit with its claim; a reaction tells the old one. */
  async confirmEmail({ tenant, user, meta }: Owner, challenge: string, code: string): Promise<Changed | Refusal> {
    const row = await this.challenges.open(tenant, challenge, 'email', code)
    if (isRefusal(row)) return row
    if (row.user !== user || row.sealed?.email === undefined) return refuse('identity.challenge.expired')
    const handled = await this.users.once(tenant, user, { type: 'change-email', email: row.sealed.email }, { ...meta, commandId: row.id })
    if (!isRefusal(handled)) await this.challenges.forget(row)
    return handled
  }

  /** The present address. A wrong password counts as one at sign-in does: whoever found a token cannot guess on. */
  async #prove({ tenant, user, meta }: Owner, password: string): Promise<string | Refusal> {
    const email = (await this.users.find(tenant, user))?.email
    if (email === undefined) return refuse('identity.password.wrong')
    const tried = await this.users.attempt(tenant, { email, password, meta, unverifiedToo: true })
    if ('user' in tried) return email
    return refuse(tried.refused === 'locked' ? 'identity.password.locked' : 'identity.password.wrong')
  }
}

/** The person's own language where the tenant offers it. */
export const languageFor = ({ settings }: Tenant, locale: string | undefined): 'en' | 'ar' =>
  settings.languages.offered.find((language) => language === locale?.split('-')[0]) ?? settings.languages.default
