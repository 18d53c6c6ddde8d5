/** The accounts of all tenants: commands on them, and the sign-in check. */
import { Inject, Injectable } from '@nestjs/common'
import { isRefusal, orThrow, refuse, type EventMeta, type Refusal } from '@pavan/kernel'
import { signInFailed, type EventOf } from '@pavan/contracts'
import { userBlocked, userEmailChanged, userEmailVerified, userErased, userPasswordChanged, userRegistered, userUnblocked } from '@pavan/contracts'
import { Aggregates, type Aggregate, type Handled } from '@pavan/platform/events/aggregates.js'
import { Ids } from '@pavan/platform/service/ids.js'
import { keyOf } from '@pavan/platform/views/changes.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Lockouts } from '../lockout/lockouts.js'
import { AccountSource, type Account, type SeenAccount } from '../oidc/account-source.js'
import { KnownHere } from '../oidc/known-here.js'
import { countSignIn } from '../oidc/outcome-metrics.js'
import { TenantDirectory } from '../oidc/tenant-directory.js'
import { judgePassword } from './password-rules.js'
import { Passwords } from './passwords.js'
import { user, type UserCommand, type UserEvent, type UserState } from './user.decider.js'

type Failure = EventOf<typeof signInFailed>['data']

export interface Attempt {
  readonly email: string
  readonly password: string
  readonly client?: string
  readonly application?: string
  /** Takes people, too, whose address nobody has proved: where they are signed in already. */
  readonly unverifiedToo?: boolean
  readonly meta: EventMeta
}

export type AttemptResult =
  | { readonly user: string }
  | { readonly refused: 'wrong' | 'locked' | 'blocked' }
  | { readonly refused: 'unverified'; readonly unverified: string }

const failures = { category: 'sign-in-attempt', initial: null, decide: () => [], evolve: () => null } as const

@Injectable()
export class Users extends AccountSource {
  readonly #users: Aggregate<UserCommand, UserEvent, UserState>
  readonly #failures: Aggregate<never, EventOf<typeof signInFailed>, null>
  readonly #shared: boolean
  readonly #statuses: KnownHere<Account['status']>

  constructor(
    @Inject(Aggregates) aggregates: Aggregates,
    @Inject(Passwords) private readonly passwords: Passwords,
    @Inject(Lockouts) private readonly lockouts: Lockouts,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Rows) rows: Rows,
  ) {
    super()
    this.#shared = rows.shared
    this.#statuses = new KnownHere(20_000, this.#shared)
    this.#users = aggregates.of(user, {
      events: [userRegistered, userEmailVerified, userEmailChanged, userPasswordChanged, userBlocked, userUnblocked, userErased],
      claimTaken: { email: 'identity.user.email-taken' },
    })
    this.#failures = aggregates.of(failures, { events: [signInFailed] })
  }

  async find(tenant: string, id: string): Promise<Account | undefined> {
    const { state } = await this.#users.load(tenant, id)
    if (state.phase === 'none') return undefined
    const { phase: status, email, emailVerified, name, locale } = state
    return { user: id, status, email, emailVerified, name, locale, updatedAt: undefined }
  }

  async status(tenant: string, id: string): Promise<Account['status'] | undefined> {
    return this.#statuses.of(keyOf(tenant, id), async () => {
      const { phase } = (await this.#users.loadOpen(tenant, id)).state
      return phase === 'none' ? undefined : phase
    })
  }

  /** Where the status cannot be known without reading the stream, what was read answers the rest as well. */
  override async seen(tenant: string, id: string): Promise<SeenAccount | undefined> {
    if (!this.#shared) return super.seen(tenant, id)
    const account = await this.find(tenant, id)
    return account && { status: account.status, account: async () => account }
  }

  async byEmail(tenant: string, email: string): Promise<Account | undefined> {
    const id = await this.#users.owner(tenant, 'email', email)
    return id === undefined ? undefined : this.find(tenant, id)
  }

  /** Applies a command; its events are sealed under the person's own key. `at` is for imported history. */
  async handle(tenant: string, id: string, command: UserCommand, meta: EventMeta, at?: number): Promise<Handled<UserEvent, UserState> | Refusal> {
    try {
      return await this.#users.handle({ tenant, id, meta, subject: id, at }, command)
    } finally {
      this.#statuses.changed(keyOf(tenant, id))
    }
  }

  /** Like `handle`, for what may be done once only: a second time is refused. `meta.commandId` names the thing that is used up. */
  async once(tenant: string, id: string, command: UserCommand, meta: EventMeta): Promise<Handled<UserEvent, UserState> | Refusal> {
    const handled = await this.handle(tenant, id, command, meta)
    if (!isRefusal(handled)) return handled.repeated ? refuse('identity.challenge.used') : handled
    return handled.code === 'identity.user.exists' ? refuse('identity.challenge.used') : handled
  }

  /** The hash of a new password, or why the tenant does not take it. Throws `service.overloaded` where too many wait to be hashed. */
  async hashNew(tenant: string, password: string, own: readonly string[]): Promise<string | Refusal> {
    const settings = orThrow((await this.tenants.byId(tenant)) ?? refuse('identity.tenant.not-found')).settings
    const refusal = await judgePassword(password, settings.password, own)
    return refusal ?? this.passwords.hash(password)
  }

  /** Checks an address and a password. Known and unknown addresses take the same way through it. */
  async attempt(tenant: string, { email, password, client, application, meta, unverifiedToo = false }: Attempt): Promise<AttemptResult> {
    const id = await this.#users.owner(tenant, 'email', email)
    const keepStatus = this.#statuses.watch()
    const subject = id === undefined ? undefined : (await this.#users.load(tenant, id)).state
    const tenantSettings = (await this.tenants.byId(tenant))?.settings
    const settings = tenantSettings?.lockout
    const fail = async (reason: Failure['reason'], refused: 'wrong' | 'locked' | 'blocked'): Promise<AttemptResult> => {
      await this.#fail(tenant, { user: id, method: 'password', reason, client, application }, meta)
      countSignIn('password', reason)
      return { refused }
    }
    const counted = this.lockouts.of(tenant, email, meta.origin?.address)
    const before = settings && (await this.lockouts.standing(counted, settings))
    if (before?.locked) return fail('locked', 'locked')
    const right = await this.passwords.check(password, subject?.passwordHash)
    if (!right) {
      if (settings) await this.lockouts.count(counted, { user: id, meta }, settings)
      return fail(id === undefined ? 'unknown-account' : 'wrong-password', 'wrong')
    }
    // Of many guesses at once, a right one is worth nothing when the wrong ones before it have reached the limit meanwhile.
    const standing = before && settings && (await this.lockouts.standing(counted, settings, before))
    if (standing?.locked) return fail('locked', 'locked')
    if (standing?.counted) await this.lockouts.clear(counted)
    if (subject?.phase !== 'active') return fail('blocked', 'blocked')
    const user = id as string
    // The provider asks for it next.
    keepStatus(keyOf(tenant, user), subject.phase)
    if (subject.emailVerified || unverifiedToo || !tenantSettings?.registration.requireVerifiedEmail) return { user }
    await this.#fail(tenant, { user, method: 'password', reason: 'unverified', client, application }, meta)
    return { refused: 'unverified', unverified: user }
  }

  /** Writes a failed sign-in, also one of the past. */
  async recordFailure(tenant: string, failure: Failure, meta: EventMeta, at?: number): Promise<void> {
    await this.#fail(tenant, failure, meta, at)
  }

  async #fail(tenant: string, failure: Failure, meta: EventMeta, at?: number): Promise<void> {
    const context = { tenant, id: this.ids.make('request'), meta, at, ...(failure.user === undefined ? {} : { subject: failure.user }) }
    await this.#failures.append(context, [signInFailed.of({ data: failure })])
  }
}
