/** Pages without an authorization request: the account, the reset link, the set-up link. */
import { Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isRefusal } from '@pavan/kernel'
import { commandOf } from '@pavan/platform/http/command.js'
import { Public } from '@pavan/platform/http/public.js'
import { Interactions } from '../oidc/interaction.js'
import { TenantDirectory, type Tenant } from '../oidc/tenant-directory.js'
import { deviceName } from '../session/device-name.js'
import { Sessions } from '../session/sessions.js'
import { SetUp } from '../set-up/set-up.js'
import { normalizeEmail } from '../user/email.js'
import { Users } from '../user/users.js'
import { acceptedLanguages, type PageProblem } from './messages.js'
import { PageRenderer, plainLook } from './page-renderer.js'
import { formOf, problemOf, refuseForeign } from './page-request.js'
import { Registrations } from './registrations.js'

const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 300) : '')

@Public()
@Controller()
export class AccountPages {
  constructor(
    @Inject(Interactions) private readonly interactions: Interactions,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
    @Inject(PageRenderer) private readonly pages: PageRenderer,
    @Inject(Users) private readonly users: Users,
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(Registrations) private readonly registrations: Registrations,
    @Inject(SetUp) private readonly setUp: SetUp,
  ) {}

  @Get('/t/:slug/account')
  async account(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const tenant = await this.#tenant(slug, request, reply)
    if (tenant) await this.#account(tenant, request, reply)
  }

  @Post('/t/:slug/account')
  async actOnAccount(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseForeign(request, this.tenants.baseUrl)
    const tenant = await this.#tenant(slug, request, reply)
    if (!tenant) return
    const form = formOf(request)
    const { meta } = commandOf(request)
    const exchange = { slug, req: request.raw, res: reply.raw }
    if (form.action === 'sign-out') {
      const current = await this.interactions.currentUser(exchange)
      if (current) await this.interactions.endSession(exchange, { ...meta, actor: { type: 'user', id: current.user } })
    } else {
      const email = normalizeEmail(form.email ?? '')
      const tried = email === undefined ? undefined : await this.users.attempt(tenant.id, { email, password: text(form.password), meta })
      if (!tried || !('user' in tried)) return this.#account(tenant, request, reply, tried?.refused ?? 'email')
      await this.interactions.startSession(exchange, { user: tried.user, method: 'password', meta: { ...meta, actor: { type: 'user', id: tried.user } } })
    }
    void reply.redirect(`/t/${slug}/account`, 303)
  }

  @Get('/t/:slug/reset')
  async reset(@Param('slug') slug: string, @Query() query: Record<string, unknown>, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const tenant = await this.#tenant(slug, request, reply)
    if (tenant) this.#resetForm(tenant, request, reply, text(query.token))
  }

  @Post('/t/:slug/reset')
  async doReset(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseForeign(request, this.tenants.baseUrl)
    const tenant = await this.#tenant(slug, request, reply)
    if (!tenant) return
    const form = formOf(request)
    const token = text(form.token)
    const done = await this.registrations.reset(tenant, token, (form.password ?? '').slice(0, 1024), commandOf(request).meta).catch(toProblem)
    if (typeof done === 'string') return this.#resetForm(tenant, request, reply, token, done)
    if (isRefusal(done)) return this.#resetForm(tenant, request, reply, token, problemOf(done))
    const wanted = acceptedLanguages(request.headers['accept-language'])
    this.pages.send(reply, tenant, { template: 'notice', title: (t) => t.resetTitle, lead: (t) => t.passwordChanged, wanted })
  }

  @Get('/setup')
  async setUpForm(@Query() query: Record<string, unknown>, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const token = text(query.token)
    const tenant = await this.setUp.tenantOf(token)
    this.#setUpForm(tenant, request, reply, token, tenant ? undefined : 'expired')
  }

  @Post('/setup')
  async doSetUp(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseForeign(request, this.tenants.baseUrl)
    const form = formOf(request)
    const token = text(form.token)
    const tenant = await this.setUp.tenantOf(token)
    if (!tenant) return this.#setUpForm(undefined, request, reply, token, 'expired')
    const email = normalizeEmail(form.email ?? '')
    if (email === undefined) return this.#setUpForm(tenant, request, reply, token, 'email')
    const { meta } = commandOf(request)
    const person = { email, name: form.name?.trim().slice(0, 200) || undefined, password: (form.password ?? '').slice(0, 1024) }
    const done = await this.setUp.use(tenant, token, person, meta).catch(toProblem)
    if (typeof done === 'string' || isRefusal(done)) return this.#setUpForm(tenant, request, reply, token, typeof done === 'string' ? done : problemOf(done))
    const exchange = { slug: tenant.slug, req: request.raw, res: reply.raw }
    await this.interactions.startSession(exchange, { user: done.user, method: 'set-up', meta: { ...meta, actor: { type: 'user', id: done.user } } })
    void reply.redirect(`/t/${tenant.slug}/account`, 303)
  }

  async #account(tenant: Tenant, request: FastifyRequest, reply: FastifyReply, problem?: PageProblem): Promise<void> {
    const wanted = acceptedLanguages(request.headers['accept-language'])
    const action = `/t/${tenant.slug}/account`
    const current = await this.interactions.currentUser({ slug: tenant.slug, req: request.raw, res: reply.raw })
    const account = current && (await this.users.find(tenant.id, current.user))
    if (!current || account?.status !== 'active')
      return this.pages.send(reply, tenant, { template: 'sign-in', title: (t) => t.signIn, wanted, problem, values: { action, email: '' } })
    const sessions = (await this.sessions.list(tenant.id, current.user)).map((row) => ({
      device: deviceName(row.personal?.device),
      current: row.id === current.session,
    }))
    const values = { action, sessions, email: account.email ?? '' }
    this.pages.send(reply, tenant, { template: 'account', title: (t) => t.account, lead: (t) => t.signedInAs, wanted, values })
  }

  #resetForm(tenant: Tenant, request: FastifyRequest, reply: FastifyReply, token: string, problem?: PageProblem): void {
    const wanted = acceptedLanguages(request.headers['accept-language'])
    const values = { action: `/t/${tenant.slug}/reset`, token }
    this.pages.send(reply, tenant, { template: 'reset', title: (t) => t.chooseNew, wanted, problem, values })
  }

  #setUpForm(tenant: Tenant | undefined, request: FastifyRequest, reply: FastifyReply, token: string, problem?: PageProblem): void {
    const wanted = acceptedLanguages(request.headers['accept-language'])
    const page = { title: (t: { setUp: string }) => t.setUp, lead: (t: { setUpHint: string }) => t.setUpHint, wanted, problem }
    if (tenant) this.pages.send(reply, tenant, { ...page, template: 'set-up', values: { action: '/setup', token, email: '' } })
    else this.pages.send(reply, plainLook, { ...page, template: 'notice', status: 410 })
  }

  async #tenant(slug: string, request: FastifyRequest, reply: FastifyReply): Promise<Tenant | undefined> {
    const tenant = await this.tenants.bySlug(slug)
    const wanted = acceptedLanguages(request.headers['accept-language'])
    if (!tenant) this.pages.send(reply, plainLook, { template: 'notice', title: (t) => t.failed, lead: (t) => t.goBack, wanted, status: 404 })
    return tenant
  }
}

const toProblem = (error: unknown): PageProblem => problemOf(error)
