/** The bodies of `Interactions`: oidc-provider's interactions and session cookie for the hosted pages. */
import type { IncomingMessage } from 'node:http'
import { Inject, Injectable } from '@nestjs/common'
import { errors, type Provider } from 'oidc-provider'
import { Clock, type EventMeta } from '@pavan/kernel'
import { Consents } from '../consent/consents.js'
import { Sessions } from '../session/sessions.js'
import { Interactions, type CurrentUser, type Exchange, type SignedIn, type SignInMethod, type WaitingRequest } from './interaction.js'
import { carry, type Outcome } from './carried-outcome.js'
import { Providers, type TenantProvider } from './providers.js'
import { text, waitingRequest, type Interaction, type Missing } from './waiting-request.js'

type OidcSession = InstanceType<Provider['Session']>

interface Found {
  readonly at: TenantProvider
  readonly interaction: Interaction
  readonly client: Readonly<Record<string, unknown>>
}

/** Authentication method references (RFC 8176). */
const amr: Readonly<Record<SignInMethod, readonly string[]>> = { password: ['pwd'], sso: [], 'set-up': ['otp'] }

@Injectable()
export class ProviderInteractions extends Interactions {
  /** By raw request. */
  readonly #found = new WeakMap<IncomingMessage, Found>()

  constructor(
    @Inject(Providers) private readonly providers: Providers,
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(Consents) private readonly consents: Consents,
    @Inject(Clock) private readonly clock: Clock,
  ) {
    super()
  }

  async load(exchange: Exchange, uid: string): Promise<WaitingRequest | undefined> {
    const found = await this.#find(exchange, uid)
    if (!found) return undefined
    return waitingRequest(found.at.tenant, found.interaction, found.client)
  }

  async finishSignIn(exchange: Exchange, uid: string, { user, method, meta, remember = true }: SignedIn): Promise<boolean> {
    const found = await this.#find(exchange, uid)
    if (!found) return false
    const { at, interaction, client } = found
    const { tenant } = at
    const signIn = { tenant: tenant.id, user, method, meta, client: String(client.clientId), application: text(client.pavan_application, 64) }
    const known = interaction.session
    const again = known?.accountId === user && known.uid && (await this.sessions.find(tenant.id, known.uid)) ? known.uid : undefined
    const session = again ? undefined : this.sessions.begin(signIn, tenant.settings.lifetimes.sessionSeconds)
    if (again) await this.sessions.signIn(again, signIn)
    const login = { accountId: user, remember, amr: [...amr[method]], ts: this.#seconds(), session: again ?? session?.id }
    const result = { ...interaction.lastSubmission, login, ...(interaction.prompt.name === 'create' ? { create: {} } : {}) }
    return this.#resume(found, exchange, { uid, result, session })
  }

  async finishConsent(exchange: Exchange, uid: string, meta: EventMeta): Promise<boolean> {
    const found = await this.#find(exchange, uid)
    const user = found?.interaction.session?.accountId
    if (!found || user === undefined) return false
    const { at, interaction, client } = found
    const clientId = String(client.clientId)
    const missing = interaction.prompt.details as Missing
    const asked = String(interaction.params.scope ?? '')
      .split(' ')
      .filter(Boolean)
    const { provider, tenant } = at
    const before = interaction.grantId ? await provider.Grant.find(interaction.grantId) : undefined
    // A grant that gains offline access must live longer than the old one would.
    const grant = before && !missing.missingOIDCScope?.includes('offline_access') ? before : new provider.Grant({ accountId: user, clientId })
    const openid = grant === before ? (missing.missingOIDCScope ?? []) : [...(before?.getOIDCScope().split(' ') ?? []), ...(missing.missingOIDCScope ?? [])]
    if (openid.length > 0) grant.addOIDCScope(openid.filter(Boolean).join(' '))
    if (missing.missingOIDCClaims) grant.addOIDCClaims([...missing.missingOIDCClaims])
    for (const [indicator, scopes] of Object.entries(missing.missingResourceScopes ?? {})) grant.addResourceScope(indicator, scopes.join(' '))
    await this.consents.give({ tenant: tenant.id, user, client: clientId, meta }, asked)
    const consent = { grantId: await grant.save() }
    return this.#resume(found, exchange, { uid, result: { ...interaction.lastSubmission, consent } })
  }

  async abort(exchange: Exchange, uid: string): Promise<boolean> {
    const found = await this.#find(exchange, uid)
    if (!found) return false
    return this.#resume(found, exchange, { uid, result: { error: 'access_denied', error_description: 'End-User aborted interaction' } })
  }

  async startSession(exchange: Exchange, { user, method, meta, remember = true }: SignedIn): Promise<CurrentUser> {
    const at = await this.#at(exchange)
    if (!at) throw new errors.SessionNotFound('there is no such tenant')
    const { provider, tenant } = at
    const { context, session } = await this.#session(at, exchange)
    // Whoever was signed in here before is not any more.
    if (session.accountId) await this.sessions.end(tenant.id, session.uid, 'logout', { ...meta, actor: { type: 'user', id: session.accountId } })
    const { sessionSeconds, sessionIdleSeconds } = tenant.settings.lifetimes
    const id = await this.sessions.start({ tenant: tenant.id, user, method, meta }, sessionSeconds)
    const fresh = new provider.Session()
    fresh.uid = id
    const signedInAt = this.#seconds()
    fresh.loginAccount({ accountId: user, loginTs: signedInAt, amr: [...amr[method]], transient: !remember })
    await fresh.save(Math.min(sessionSeconds, sessionIdleSeconds))
    const options = this.#cookieOptions(at)
    context.cookies.set(provider.cookieName('session'), fresh.jti, { ...options, ...(remember ? { expires: new Date((fresh.exp as number) * 1000) } : {}) })
    return { tenant: tenant.id, user, session: id, signedInAt }
  }

  async currentUser(exchange: Exchange): Promise<CurrentUser | undefined> {
    const at = await this.#at(exchange)
    if (!at) return undefined
    const { session } = await this.#session(at, exchange)
    const { accountId: user, uid, loginTs } = session
    return user === undefined ? undefined : { tenant: at.tenant.id, user, session: uid, signedInAt: loginTs ?? 0 }
  }

  async endSession(exchange: Exchange, meta: EventMeta): Promise<void> {
    const at = await this.#at(exchange)
    if (!at) return
    const { context, session } = await this.#session(at, exchange)
    if (session.accountId) await this.sessions.end(at.tenant.id, session.uid, 'logout', meta)
    context.cookies.set(at.provider.cookieName('session'), null, this.#cookieOptions(at))
  }

  #at({ slug, req }: Exchange): Promise<TenantProvider | undefined> {
    return this.providers.visit(slug, req)
  }

  /** The resumption that the browser would be sent to, in the same exchange: a request less for everybody who signs in. */
  #resume({ at }: Found, { req, res, slug, address }: Exchange, outcome: Outcome): true {
    const { uid } = outcome
    carry(req, outcome)
    // The browser was known by the cookie of the interaction. That of the resumption was set with it, for a path of its own; the first of a name counts.
    req.headers.cookie = `${at.signedCookie(at.provider.cookieName('resume'), uid)}; ${req.headers.cookie}`
    req.method = 'GET'
    req.url = `/t/${slug}/auth/${uid}`
    at.handle(req, res, address)
    return true
  }

  async #find(exchange: Exchange, uid: string): Promise<Found | undefined> {
    const before = this.#found.get(exchange.req)
    if (before) return this.#again(before)
    const at = await this.#at(exchange)
    if (!at) return undefined
    try {
      const interaction = await at.provider.interactionDetails(exchange.req, exchange.res)
      const client = interaction.uid === uid ? await at.provider.Client.find(String(interaction.params.client_id)) : undefined
      if (!client) return undefined
      const found = { at, interaction, client: client as unknown as Record<string, unknown> }
      this.#found.set(exchange.req, found)
      return found
    } catch (error) {
      if (error instanceof errors.SessionNotFound) return undefined
      throw error
    }
  }

  /** Checking the password took its time: whether the request still waits is looked up again, its cookie is not. */
  async #again({ at, client, interaction: { uid, session } }: Found): Promise<Found | undefined> {
    const interaction = await at.provider.Interaction.find(uid)
    if (!interaction) return undefined
    if (session?.uid && (await at.provider.Session.findByUid(session.uid))?.accountId !== session.accountId) return undefined
    return { at, client, interaction }
  }

  async #session({ provider }: TenantProvider, { req, res }: Exchange) {
    const context = provider.createContext(req, res)
    const session = (await provider.Session.get(context as never)) as OidcSession & { readonly loginTs?: number }
    return { context, session }
  }

  #cookieOptions({ tenant, secure }: TenantProvider) {
    return { path: `/t/${tenant.slug}`, httpOnly: true, sameSite: 'lax', signed: true, overwrite: true, secure } as const
  }

  #seconds(): number {
    return Math.floor(this.clock.now() / 1000)
  }
}
