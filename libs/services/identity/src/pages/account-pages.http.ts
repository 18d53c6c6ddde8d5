/** The page of the own account: where one is signed in, and how one signs in. Without a session it signs in. */
import { Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isRefusal, type EventMeta } from '@pavan/kernel'
import { commandOf } from '@pavan/platform/http/command.js'
import { Public } from '@pavan/platform/http/public.js'
import { Interactions, type CurrentUser } from '../oidc/interaction.js'
import { TenantDirectory, type Tenant } from '../oidc/tenant-directory.js'
import { deviceName } from '../session/device-name.js'
import { Sessions } from '../session/sessions.js'
import { normalizeEmail } from '../user/email.js'
import { OwnAccounts } from '../user/own-accounts.js'
import { Users } from '../user/users.js'
import { acceptedLanguages, type Messages, type PageProblem } from './messages.js'
import { noSuchTenant, PageRenderer } from './page-renderer.js'
import { formOf, passwordOf, problemOf, refuseForeign, type Form } from './page-request.js'

interface Visit {
  readonly tenant: Tenant
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

interface Shown {
  readonly problem?: PageProblem
  /** The section that was used. */
  readonly open?: string
  readonly wantedEmail?: string
}

/** Somebody signed in, in the middle of a change. */
interface Acting extends Visit {
  readonly current: CurrentUser
  readonly form: Form
  readonly meta: EventMeta
}

/** `?done=` → what the page says about it. */
const doneTexts: Readonly<Record<string, (t: Messages) => string>> = {
  password: (t) => t.passwordSaved,
  email: (t) => t.emailSaved,
  others: (t) => t.othersSignedOut,
}

@Public()
@Controller('/t/:slug/account')
export class AccountPages {
  constructor(
    @Inject(Interactions) private readonly interactions: Interactions,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
    @Inject(PageRenderer) private readonly pages: PageRenderer,
    @Inject(Users) private readonly users: Users,
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(OwnAccounts) private readonly own: OwnAccounts,
  ) {}

  @Get()
  async account(@Param('slug') slug: string, @Query('done') done: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const visit = await this.#visit(slug, request, reply)
    if (visit) await this.#show(visit, {}, typeof done === 'string' && Object.hasOwn(doneTexts, done) ? doneTexts[done] : undefined)
  }

  @Post()
  async act(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseForeign(request, this.tenants.baseUrl)
    const visit = await this.#visit(slug, request, reply)
    if (!visit) return
    const form = formOf(request)
    const { action } = form
    const current = await this.#current(visit)
    if (!current) return action === undefined || action === 'sign-in' ? this.#signIn(visit, form) : this.#goOn(visit)
    const acting: Acting = { ...visit, current, form, meta: { ...commandOf(request).meta, actor: { type: 'user', id: current.user } } }
    if (action === 'sign-out') await this.interactions.endSession(this.#exchange(visit), acting.meta)
    else if (action === 'sign-out-others') return this.#signOutOthers(acting)
    else if (action === 'password') return this.#changePassword(acting)
    else if (action === 'email') return this.#askForEmail(acting)
    else if (action === 'email-code') return this.#confirmEmail(acting)
    else if (action === 'sign-in') return this.#signIn(visit, form)
    this.#goOn(visit)
  }

  async #signIn(visit: Visit, form: Form): Promise<void> {
    const { meta } = commandOf(visit.request)
    const email = normalizeEmail(form.email ?? '')
    const refuse = (problem: PageProblem) => this.#show(visit, { problem, wantedEmail: form.email })
    if (email === undefined) return refuse('email')
    const tried = await this.users.attempt(visit.tenant.id, { email, password: passwordOf(form), meta }).catch(problemOf)
    if (typeof tried === 'string') return refuse(tried)
    if (!('user' in tried)) return refuse(tried.refused)
    const { user } = tried
    await this.interactions.startSession(this.#exchange(visit), { user, method: 'password', meta: { ...meta, actor: { type: 'user', id: user } } })
    this.#goOn(visit)
  }

  async #signOutOthers({ current, meta, ...visit }: Acting): Promise<void> {
    await this.sessions.endAll(visit.tenant.id, current.user, 'revoked', { meta, except: current.session })
    this.#goOn(visit, 'others')
  }

  async #changePassword({ form, ...acting }: Acting): Promise<void> {
    const problem = await this.own.changePassword(this.#owner(acting), passwordOf(form, 'current'), passwordOf(form, 'wanted')).then(problemIn, problemOf)
    if (problem) return this.#show(acting, { problem, open: 'password' })
    this.#goOn(acting, 'password')
  }

  async #askForEmail({ form, ...acting }: Acting): Promise<void> {
    const again = { open: 'email', wantedEmail: form.email }
    const email = normalizeEmail(form.email ?? '')
    if (email === undefined) return this.#show(acting, { ...again, problem: 'email' })
    const challenge = await this.own.askForEmail(this.#owner(acting), passwordOf(form), email)
    if (isRefusal(challenge)) return this.#show(acting, { ...again, problem: problemOf(challenge) })
    this.#showCode(acting, challenge)
  }

  async #confirmEmail({ form, ...acting }: Acting): Promise<void> {
    const challenge = (form.challenge ?? '').slice(0, 64)
    const problem = await this.own.confirmEmail(this.#owner(acting), challenge, (form.code ?? '').trim()).then(problemIn, problemOf)
    if (problem === 'code') return this.#showCode(acting, challenge, problem)
    // That somebody else has the address is known only to whoever reads its mail.
    if (problem) return this.#show(acting, { problem: problem === 'taken' ? 'address' : problem, open: 'email' })
    this.#goOn(acting, 'email')
  }

  async #show(visit: Visit, { problem, open, wantedEmail = '' }: Shown, done?: (t: Messages) => string): Promise<void> {
    const { tenant, request, reply } = visit
    const wanted = acceptedLanguages(request.headers['accept-language'])
    const action = `/t/${tenant.slug}/account`
    const current = await this.#current(visit)
    if (!current) {
      const values = { action, email: wantedEmail, forgotUrl: `/t/${tenant.slug}/forgot` }
      return this.pages.send(reply, tenant, { template: 'sign-in', title: (t) => t.signIn, wanted, problem, values })
    }
    const sessions = (await this.sessions.list(tenant.id, current.user)).map((row) => ({
      device: deviceName(row.personal?.device),
      current: row.id === current.session,
    }))
    const values = { action, sessions, others: sessions.length > 1, open, wantedEmail, email: current.email ?? '' }
    this.pages.send(reply, tenant, { template: 'account', title: (t) => t.account, lead: (t) => t.signedInAs, wanted, problem, done, values })
  }

  #showCode({ tenant, request, reply }: Visit, challenge: string, problem?: PageProblem): void {
    const wanted = acceptedLanguages(request.headers['accept-language'])
    const values = { action: `/t/${tenant.slug}/account`, challenge }
    this.pages.send(reply, tenant, { template: 'confirm-email', title: (t) => t.confirmEmail, lead: (t) => t.codeSent, wanted, problem, values })
  }

  #goOn({ tenant, reply }: Visit, done?: string): void {
    void reply.redirect(`/t/${tenant.slug}/account${done === undefined ? '' : `?done=${done}`}`, 303)
  }

  #owner({ tenant, current, meta }: Omit<Acting, 'form'>) {
    return { tenant: tenant.id, user: current.user, session: current.session, meta }
  }

  /** Who is signed in here and may be. */
  async #current(visit: Visit): Promise<(CurrentUser & { readonly email: string | undefined }) | undefined> {
    const current = await this.interactions.currentUser(this.#exchange(visit))
    const account = current && (await this.users.find(visit.tenant.id, current.user))
    return current && account?.status === 'active' ? { ...current, email: account.email } : undefined
  }

  #exchange({ tenant, request, reply }: Visit) {
    return { slug: tenant.slug, req: request.raw, res: reply.raw, address: request.ip }
  }

  async #visit(slug: string, request: FastifyRequest, reply: FastifyReply): Promise<Visit | undefined> {
    const tenant = await this.tenants.bySlug(slug)
    if (!tenant) noSuchTenant(this.pages, request, reply)
    return tenant && { tenant, request, reply }
  }
}

const problemIn = (answer: unknown): PageProblem | undefined => (isRefusal(answer) ? problemOf(answer) : undefined)
