/** Starts, lists and ends browser sessions: the aggregate says what happened, the row is what the provider works with. */
import { Inject, Injectable } from '@nestjs/common'
import { Clock, orThrow, refuse, RefusalError, type EventMeta } from '@pavan/kernel'
import { sessionEnded, sessionStarted, signInSucceeded } from '@pavan/contracts'
import { Aggregates, type Aggregate } from '@pavan/platform/events/aggregates.js'
import { SubjectErased } from '@pavan/platform/privacy/key-ring.js'
import { Ids } from '@pavan/platform/service/ids.js'
import { insert, keyOf, patch, remove, removeAll } from '@pavan/platform/views/changes.js'
import { Rows, type RowChange } from '@pavan/platform/views/rows.js'
import { ClientDirectory } from '../client/client-directory.js'
import { artifactKey } from '../oidc/artifact-adapters.js'
import { countSignIn } from '../oidc/outcome-metrics.js'
import { UserSessions } from '../oidc/interaction.js'
import { KnownHere } from '../oidc/known-here.js'
import { artifacts } from '../oidc/oidc-tables.js'
import { LogoutNotices } from './logout-notices.js'
import type { NewSession } from './new-session.js'
import { session, type EndReason, type SessionCommand, type SessionEvent, type SessionState, type SignInMethod } from './session.decider.js'
import { sealedSessions, sessionRows, type SessionRow } from './sessions.table.js'

export interface SignIn {
  readonly tenant: string
  readonly user: string
  readonly method: SignInMethod
  readonly client?: string
  readonly application?: string
  readonly meta: EventMeta
}

export interface EndAllOptions {
  readonly meta: EventMeta
  /** The session that stays. */
  readonly except?: string
  /** Only sessions that began before this time, milliseconds since 1970. */
  readonly before?: number
}

/** Client → `sid` that its ID tokens carry (OpenID Connect Back-Channel Logout section 2.1), and its grant. */
type Authorizations = Record<string, { readonly sid?: string; readonly grantId?: string }>

const authorizationsOf = (row: SessionRow): Authorizations => (row.payload?.authorizations as Authorizations | undefined) ?? {}

@Injectable()
export class Sessions extends UserSessions {
  readonly #aggregate: Aggregate<SessionCommand, SessionEvent, SessionState>
  readonly #phases: KnownHere<SessionRow['phase']>

  constructor(
    @Inject(Aggregates) aggregates: Aggregates,
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(ClientDirectory) private readonly clients: ClientDirectory,
    @Inject(LogoutNotices) private readonly notices: LogoutNotices,
  ) {
    super()
    this.#phases = new KnownHere(20_000, rows.shared)
    this.#aggregate = aggregates.of(session, { events: [sessionStarted, signInSucceeded, sessionEnded] })
  }

  /** Begins a session of at most `seconds`. Answers its id. */
  async start(signIn: SignIn, seconds: number): Promise<string> {
    const { id, row, record } = this.begin(signIn, seconds)
    await record(() => this.rows.apply([row]))
    return id
  }

  /** A new session: `record` writes its events. It lives when its row is written, by `write`, together with whatever depends on it. */
  begin(signIn: SignIn, seconds: number): NewSession {
    const { tenant, user, method, client, application, meta } = signIn
    const id = this.ids.make('session')
    const now = this.clock.now()
    const endsAt = now + seconds * 1000
    const events = orThrow(session.decide({ type: 'start', session: id, user, method, client, application, expiresAt: endsAt }, session.initial))
    const row: SessionRow = { tenant, id, phase: 'alive', user, method, startedAt: now, seenAt: now, endsAt, expiresAt: endsAt, personal: meta.origin }
    const record = async (write: () => Promise<unknown>): Promise<void> => {
      const together = this.rows.afterEvents
      await this.#record({ tenant, id, subject: user, meta }, events, together ? write : undefined)
      if (!together) await write()
      countSignIn(method, 'success')
    }
    return { id, row: insert(sessionRows, keyOf(tenant, id), row), record }
  }

  /** Nobody has used the new id before, so there is nothing to load. Refused with `request.subject.erased`. */
  async #record(...session: Parameters<Aggregate<SessionCommand, SessionEvent, SessionState>['append']>): Promise<void> {
    await this.#aggregate.append(...session).catch((error: unknown) => {
      throw error instanceof SubjectErased ? RefusalError.from(refuse('request.subject.erased')) : error
    })
  }

  /** A session of the past, from another system: it began and is over. */
  async recordPast({ tenant, user, method, client, application, meta }: SignIn, at: number): Promise<void> {
    const id = this.ids.make('session')
    const began = orThrow(session.decide({ type: 'start', session: id, user, method, client, application, expiresAt: at }, session.initial))
    const ended = orThrow(session.decide({ type: 'end', reason: 'expired' }, began.reduce(session.evolve, session.initial)))
    await this.#record({ tenant, id, subject: user, meta, at }, [...began, ...ended])
  }

  /** A sign-in within a living session: by its existence (`sso`) or by a password given again. */
  async signIn(id: string, signIn: SignIn): Promise<void> {
    const { tenant, user, method, client, application, meta } = signIn
    orThrow(await this.#aggregate.handle({ tenant, id, subject: user, meta }, { type: 'sign-in', session: id, method, client, application }))
    countSignIn(method, 'success')
  }

  /** The session, while it is alive. */
  async find(tenant: string, id: string): Promise<SessionRow | undefined> {
    const row = await this.rows.get(sessionRows, keyOf(tenant, id))
    return row?.phase === 'alive' ? row : undefined
  }

  /** Whether the session was ended. One that ran out by itself was not. */
  async hasEnded(tenant: string, id: string): Promise<boolean> {
    const key = keyOf(tenant, id)
    return (await this.#phases.of(key, async () => (await this.rows.get(sealedSessions, key))?.phase)) === 'ended'
  }

  /** Living sessions of a person, newest first. */
  async list(tenant: string, user: string): Promise<readonly SessionRow[]> {
    const found: SessionRow[] = []
    let cursor: string | undefined
    do {
      const page = await this.rows.find(sessionRows, { index: 'byUser', where: { tenant, user }, order: 'desc', limit: 1000, cursor })
      found.push(...page.items.filter(({ phase }) => phase === 'alive'))
      cursor = page.next
    } while (cursor)
    return found
  }

  /** Ends one session. The event comes first: a reaction repeats the rest if the process dies in between. */
  async end(tenant: string, id: string, reason: EndReason, meta: EventMeta): Promise<boolean> {
    const { state } = await this.#aggregate.load(tenant, id)
    if (state.phase === 'none') {
      await this.forget(tenant, id)
      return false
    }
    // Whoever is erased has no key any more under which the origin could be kept.
    const context = { tenant, id, subject: state.user, meta: reason === 'erased' ? { ...meta, origin: undefined } : meta }
    const { events } = orThrow(await this.#aggregate.handle(context, { type: 'end', reason }))
    await this.forget(tenant, id)
    return events.length > 0
  }

  /** Removes what lives by a session, its cookie, grants, codes and tokens, and has its clients told. Harmless when repeated. */
  async forget(tenant: string, id: string): Promise<void> {
    const key = keyOf(tenant, id)
    const row = await this.rows.get(sessionRows, key)
    const tokens = removeAll(artifacts, 'bySession', { tenant, session: id })
    if (!row || row.phase === 'ended') {
      await this.rows.apply([tokens])
      return
    }
    const authorizations = Object.entries(authorizationsOf(row))
    const grants = authorizations.flatMap(([, { grantId }]) =>
      grantId ? [remove(artifacts, artifactKey(tenant, 'Grant', grantId)), removeAll(artifacts, 'byGrant', { tenant, grant: grantId })] : [],
    )
    const mark = { phase: 'ended', cookie: undefined, payload: undefined, personal: undefined } as const
    const notices = await this.#noticesOf(row)
    // When it is not applied, somebody else ended it meanwhile, with everything that it had.
    const { applied } = await this.rows.apply([patch(sessionRows, key, mark, { phase: 'alive' }), tokens, ...grants, ...notices])
    this.#phases.changed(key)
    if (applied && notices.length > 0) void this.notices.deliver()
  }

  async #noticesOf(row: SessionRow): Promise<RowChange<any>[]> {
    const { tenant, user } = row
    if (!user) return []
    const told = await Promise.all(
      Object.entries(authorizationsOf(row)).map(async ([client, { sid }]) =>
        sid !== undefined && (await this.clients.find(tenant, client))?.settings.backchannelLogoutUri
          ? [this.notices.queue({ tenant, client, user, sid })]
          : [],
      ),
    )
    return told.flat()
  }

  async endAll(tenant: string, user: string, reason: EndReason, options: EndAllOptions): Promise<number> {
    const { meta, except, before = Infinity } = options
    const living = await this.list(tenant, user)
    const stays = ({ id, startedAt = 0 }: SessionRow) => id === except || startedAt >= before
    const ended = await Promise.all(living.filter((row) => !stays(row)).map(({ id }) => this.end(tenant, id, reason, meta)))
    await this.#removeTokensOfOthers(tenant, user, new Set(living.filter(stays).map(({ id }) => id)))
    return ended.filter(Boolean).length
  }

  /** Refresh tokens for offline access outlive the session that they came from: they end with the others. */
  async #removeTokensOfOthers(tenant: string, user: string, kept: ReadonlySet<string>): Promise<void> {
    const past = new Set<string>()
    let cursor: string | undefined
    do {
      const page = await this.rows.find(artifacts, { index: 'byUser', where: { tenant, user }, limit: 1000, cursor })
      for (const { session: of } of page.items) if (of !== undefined && !kept.has(of)) past.add(of)
      cursor = page.next
    } while (cursor)
    // A session that began meanwhile keeps what it got.
    const ids = (await Promise.all([...past].map(async (id) => ((await this.find(tenant, id)) ? undefined : id)))).filter((id) => id !== undefined)
    if (ids.length > 0) await this.rows.apply(ids.map((id) => removeAll(artifacts, 'bySession', { tenant, session: id })))
  }
}
