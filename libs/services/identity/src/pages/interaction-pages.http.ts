/** The pages of a waiting authorization request: sign in, sign up, verify, forgot, consent. The flow says which comes next. */
import { Inject, Injectable } from '@nestjs/common'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isRefusal } from '@pavan/kernel'
import { commandOf } from '@pavan/platform/http/command.js'
import type { Resolve } from '@pavan/platform/service/define-service.js'
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
import { commonPage, stepPage, stepUrl } from './step-page.js'

/** Both pages are at one address. */
type Visited = FastifyRequest<{ Params: { slug: string; uid: string }; Querystring: Record<string, unknown> }>

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

@Injectable()
export class InteractionPages {
  constructor(
    @Inject(Interactions) private readonly interactions: Interactions,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
    @Inject(PageRenderer) private readonly pages: PageRenderer,
    @Inject(Users) private readonly users: Users,
    @Inject(Registrations) private readonly registrations: Registrations,
  ) {}

  async show(request: Visited, reply: FastifyReply): Promise<void> {
    const visit = await this.#visit(request, reply)
    if (!visit) return
    const { query } = request
    const step = typeof query.step === 'string' && signInFlow.steps[query.step] ? query.step : visit.waiting.wantsSignUp ? 'sign-up' : signInFlow.start
    if (step === 'sign-up' && visit.tenant.settings.registration.open) {
      const { meta } = commandOf(request)
      await this.registrations.opened(visit.tenant, visit.waiting.client.id, { ...meta, commandId: undefined })
    }
    await this.#page(visit, { step, trail: [] }, { challenge: typeof query.challenge === 'string' ? query.challenge.slice(0, 64) : '' })
  }

  async act(request: Visited, reply: FastifyReply): Promise<void> {
    refuseForeign(request, this.tenants.baseUrl)
    const visit = await this.#visit(request, reply)
    if (!visit) return
    const { uid } = visit.waiting
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
      void reply.redirect(stepUrl(visit.waiting, advanced.next.step, done.challenge ? `&challenge=${encodeURIComponent(done.challenge)}` : ''), 303)
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
    const shown = { tenant, waiting, wanted, values, problem, resent }
    if (waiting.step !== 'consent') return this.pages.send(reply, tenant, stepPage(state, shown))
    const scopes = waiting.scopes.map((scope) => this.pages.scopeText(tenant, wanted, scope))
    const email = (await this.users.find(tenant.id, waiting.user ?? ''))?.email ?? ''
    const origin = waiting.returnOrigin
    const leaving = origin === undefined ? '' : this.pages.text(tenant, wanted, (t) => t.consentLeaving, { origin })
    const common = commonPage(shown)
    const page: PageInput = { ...common, template: 'consent', title: (t) => t.consentTitle, lead: (t) => t.consentHint }
    this.pages.send(reply, tenant, { ...page, values: { ...common.values, scopes, email, leaving } })
  }

  #leave({ reply, tenant, wanted }: Visit, answered: boolean): void {
    if (answered) reply.hijack()
    else this.#expired(reply, tenant, wanted)
  }

  #expired(reply: FastifyReply, look: Pick<Tenant, 'name' | 'settings'>, wanted: readonly string[]): void {
    this.pages.send(reply, look, { template: 'notice', title: (t) => t.failed, lead: (t) => t.goBack, wanted, status: 404 })
  }

  async #visit(request: Visited, reply: FastifyReply): Promise<Visit | undefined> {
    const { slug, uid } = request.params
    const accepted = acceptedLanguages(request.headers['accept-language'])
    const tenant = await this.tenants.bySlug(slug)
    const exchange = { slug, req: request.raw, res: reply.raw, address: request.ip }
    const waiting = tenant && (await this.interactions.load(exchange, uid))
    if (!tenant || !waiting) {
      this.#expired(reply, tenant ?? plainLook, accepted)
      return undefined
    }
    return { request, reply, exchange, tenant, waiting, wanted: [...waiting.uiLocales, ...accepted] }
  }
}

/** Half of all requests of a sign-in come here: they take the short way, without Nest. api/page-routes.ts describes them. */
export const mountInteractionPages = (fastify: FastifyInstance, get: Resolve): void => {
  const pages = get(InteractionPages)
  const url = '/t/:slug/interaction/:uid'
  fastify.route({ method: 'GET', url, handler: (request, reply) => pages.show(request as Visited, reply) })
  fastify.route({ method: 'POST', url, handler: (request, reply) => pages.act(request as Visited, reply) })
}

const stepOf = ({ action }: Form): string => (action === 'resend' ? 'verify' : action !== undefined && signInFlow.steps[action] ? action : signInFlow.start)
