/** The pages of a waiting authorization request: sign in, sign up, verify, forgot, consent. The flow says which comes next. */
import { Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isRefusal } from '@pavan/kernel'
import { commandOf } from '@pavan/platform/http/command.js'
import { Public } from '@pavan/platform/http/public.js'
import { advance, type FlowState, type StepResult } from '../flow/flow.js'
import { signInFlow } from '../flow/sign-in-flow.js'
import { Interactions, type Exchange, type WaitingRequest } from '../oidc/interaction.js'
import { TenantDirectory, type Tenant } from '../oidc/tenant-directory.js'
import { normalizeEmail } from '../user/email.js'
import { Users } from '../user/users.js'
import { acceptedLanguages, type PageProblem } from './messages.js'
import { PageRenderer, plainLook, type PageInput } from './page-renderer.js'
import { formOf, passwordOf, problemOf, refuseForeign, type Form } from './page-request.js'
import { Registrations } from './registrations.js'

interface Visit {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly exchange: Exchange
  readonly tenant: Tenant
  readonly waiting: WaitingRequest
  readonly wanted: readonly string[]
}

/** Answer of one step: its result for the flow, and what to tell the person. */
interface Done {
  readonly result: StepResult
  readonly problem?: PageProblem
  readonly challenge?: string
  readonly user?: string
  readonly resent?: boolean
}

const at = (visit: Visit, step: string, more = ''): string => `/t/${visit.exchange.slug}/interaction/${visit.waiting.uid}?step=${step}${more}`

@Public()
@Controller('/t/:slug/interaction')
export class InteractionPages {
  constructor(
    @Inject(Interactions) private readonly interactions: Interactions,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
    @Inject(PageRenderer) private readonly pages: PageRenderer,
    @Inject(Users) private readonly users: Users,
    @Inject(Registrations) private readonly registrations: Registrations,
  ) {}

  @Get(':uid')
  async show(
    @Param('slug') slug: string,
    @Param('uid') uid: string,
    @Query() query: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const visit = await this.#visit(slug, uid, request, reply)
    if (!visit) return
    const step = typeof query.step === 'string' && signInFlow.steps[query.step] ? query.step : visit.waiting.wantsSignUp ? 'sign-up' : signInFlow.start
    if (step === 'sign-up' && visit.tenant.settings.registration.open) {
      const { meta } = commandOf(request)
      await this.registrations.opened(visit.tenant, visit.waiting.client.id, { ...meta, commandId: undefined })
    }
    await this.#page(visit, { step, trail: [] }, { challenge: typeof query.challenge === 'string' ? query.challenge.slice(0, 64) : '' })
  }

  @Post(':uid')
  async act(@Param('slug') slug: string, @Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseForeign(request, this.tenants.baseUrl)
    const visit = await this.#visit(slug, uid, request, reply)
    if (!visit) return
    const form = formOf(request)
    const { meta } = commandOf(request)
    if (form.action === 'abort') return this.#leave(visit, await this.interactions.abort(visit.exchange, uid))
    if (visit.waiting.step === 'consent') {
      if (form.action !== 'consent') return this.#page(visit, { step: 'sign-in', trail: [] }, {})
      const user = visit.waiting.user ?? ''
      return this.#leave(visit, await this.interactions.finishConsent(visit.exchange, uid, { ...meta, actor: { type: 'user', id: user } }))
    }
    const step = stepOf(form)
    const done = await this.#do(visit, step, form).catch((error: unknown): Done => ({ result: 'invalid', problem: problemOf(error) }))
    const advanced = advance(signInFlow, { step, trail: [] }, done.result)
    if ('outcome' in advanced) {
      const user = done.user as string
      const signedIn = { user, method: 'password', meta: { ...meta, actor: { type: 'user', id: user } } } as const
      return this.#leave(visit, await this.interactions.finishSignIn(visit.exchange, uid, signedIn))
    }
    if (advanced.next.problem === undefined && !done.problem) {
      void reply.redirect(at(visit, advanced.next.step, done.challenge ? `&challenge=${encodeURIComponent(done.challenge)}` : ''), 303)
    } else await this.#page(visit, advanced.next, { challenge: done.challenge ?? form.challenge ?? '', email: form.email, name: form.name }, done)
  }

  /** The work of a step. */
  async #do(visit: Visit, step: string, form: Form): Promise<Done> {
    const { tenant, waiting, request, wanted } = visit
    const { meta } = commandOf(request)
    const { client } = waiting
    const language = this.pages.language(tenant, wanted)
    if (step === 'verify') {
      const challenge = form.challenge ?? ''
      if (form.action === 'resend') {
        await this.registrations.resend(tenant, challenge)
        return { result: 'invalid', challenge, resent: true }
      }
      const finished = await this.registrations.finish(tenant, challenge, (form.code ?? '').trim(), meta)
      if (!isRefusal(finished)) return { result: 'ok', user: finished.user }
      const problem = problemOf(finished)
      return { result: problem === 'expired' ? 'expired' : 'wrong', problem, challenge }
    }
    const email = normalizeEmail(form.email ?? '')
    if (email === undefined) return { result: 'invalid', problem: 'email' }
    if (step === 'forgot') {
      await this.registrations.forgot(tenant, email, language, meta)
      return { result: 'ok' }
    }
    if (step === 'sign-up') {
      if (!tenant.settings.registration.open) return { result: 'invalid', problem: 'closed' }
      const name = form.name?.trim().slice(0, 200) || undefined
      const challenge = await this.registrations.begin(tenant, { email, name, password: passwordOf(form), client: client.id, language })
      return { result: 'ok', challenge }
    }
    const attempt = { email, password: passwordOf(form), client: client.id, application: client.application, meta }
    const tried = await this.users.attempt(tenant.id, attempt)
    if ('user' in tried) return { result: 'ok', user: tried.user }
    if (tried.refused !== 'unverified') return { result: tried.refused, problem: tried.refused }
    return { result: 'unverified', challenge: await this.registrations.verify(tenant, { user: tried.unverified, email, language }) }
  }

  async #page(visit: Visit, state: FlowState, values: Record<string, unknown>, { problem, resent }: Partial<Done> = {}): Promise<void> {
    const { waiting, tenant, reply, wanted } = visit
    const common = {
      wanted,
      problem,
      done: resent ? (t: { resent: string }) => t.resent : undefined,
      leadsTo: waiting.returnOrigin,
      values: {
        email: waiting.loginHint ?? '',
        ...values,
        client: waiting.client.name,
        action: `/t/${visit.exchange.slug}/interaction/${waiting.uid}`,
        cancelable: true,
        signInUrl: at(visit, 'sign-in'),
        forgotUrl: at(visit, 'forgot'),
        signUpUrl: tenant.settings.registration.open ? at(visit, 'sign-up') : undefined,
      },
    }
    if (waiting.step === 'consent') {
      const scopes = waiting.scopes.map((scope) => this.pages.scopeText(tenant, wanted, scope))
      const email = (await this.users.find(tenant.id, waiting.user ?? ''))?.email ?? ''
      const origin = waiting.returnOrigin
      const leaving = origin === undefined ? '' : this.pages.text(tenant, wanted, (t) => t.consentLeaving, { origin })
      const page: PageInput = { ...common, template: 'consent', title: (t) => t.consentTitle, lead: (t) => t.consentHint }
      return this.pages.send(reply, tenant, { ...page, values: { ...common.values, scopes, email, leaving } })
    }
    const titles: Readonly<Record<string, Pick<PageInput, 'template' | 'title' | 'lead'>>> = {
      'sign-in': { template: 'sign-in', title: (t) => t.signIn, lead: (t) => t.signInTo },
      'sign-up': { template: 'sign-up', title: (t) => t.create, lead: (t) => t.signInTo },
      verify: { template: 'verify', title: (t) => t.checkMail, lead: (t) => t.codeSent },
      forgot: { template: 'forgot', title: (t) => t.resetTitle, lead: (t) => t.resetHint },
      'forgot-sent': { template: 'notice', title: (t) => t.checkMail, lead: (t) => t.linkSent },
    }
    const page = titles[state.step] ?? titles['sign-in']
    // Nothing was typed yet, and nothing is known of who comes.
    const blank = state.trail.length === 0 && !problem && !common.values.email && !values.challenge
    this.pages.send(reply, tenant, { ...common, ...(page as Pick<PageInput, 'template' | 'title' | 'lead'>), visit: blank ? waiting.uid : undefined })
  }

  #leave(visit: Visit, url: string | undefined): void {
    if (url !== undefined) return void visit.reply.redirect(url, 303)
    this.#expired(visit.reply, visit.tenant, visit.wanted)
  }

  #expired(reply: FastifyReply, look: Pick<Tenant, 'name' | 'settings'>, wanted: readonly string[]): void {
    this.pages.send(reply, look, { template: 'notice', title: (t) => t.failed, lead: (t) => t.goBack, wanted, status: 404 })
  }

  async #visit(slug: string, uid: string, request: FastifyRequest, reply: FastifyReply): Promise<Visit | undefined> {
    const accepted = acceptedLanguages(request.headers['accept-language'])
    const tenant = await this.tenants.bySlug(slug)
    const exchange = { slug, req: request.raw, res: reply.raw }
    const waiting = tenant && (await this.interactions.load(exchange, uid))
    if (!tenant || !waiting) {
      this.#expired(reply, tenant ?? plainLook, accepted)
      return undefined
    }
    return { request, reply, exchange, tenant, waiting, wanted: [...waiting.uiLocales, ...accepted] }
  }
}

const stepOf = ({ action }: Form): string => (action === 'resend' ? 'verify' : action !== undefined && signInFlow.steps[action] ? action : signInFlow.start)
