/** Pages that people reach by a link or without an application: forgotten password, its reset link, the set-up link. */
import { Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isRefusal } from '@pavan/kernel'
import { commandOf } from '@pavan/platform/http/command.js'
import { Public } from '@pavan/platform/http/public.js'
import { Challenges } from '../challenge/challenges.js'
import { Interactions } from '../oidc/interaction.js'
import { TenantDirectory, type Tenant } from '../oidc/tenant-directory.js'
import { SetUp } from '../set-up/set-up.js'
import { normalizeEmail } from '../user/email.js'
import { acceptedLanguages, type PageProblem } from './messages.js'
import { noSuchTenant, PageRenderer, plainLook } from './page-renderer.js'
import { formOf, passwordOf, problemOf, refuseForeign } from './page-request.js'
import { Registrations } from './registrations.js'

type Query = Readonly<Record<string, unknown>>

const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 300) : '')
/** `ui_locales` of a link that went out in a mail comes before what the browser wants. */
const wantedOf = (request: FastifyRequest): string[] => [
  ...text((request.query as Query).ui_locales)
    .split(' ')
    .filter(Boolean),
  ...acceptedLanguages(request.headers['accept-language']),
]

@Public()
@Controller()
export class LinkPages {
  constructor(
    @Inject(Interactions) private readonly interactions: Interactions,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
    @Inject(PageRenderer) private readonly pages: PageRenderer,
    @Inject(Challenges) private readonly challenges: Challenges,
    @Inject(Registrations) private readonly registrations: Registrations,
    @Inject(SetUp) private readonly setUp: SetUp,
  ) {}

  @Get('/t/:slug/forgot')
  async forgot(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const tenant = await this.#tenant(slug, request, reply)
    if (tenant) this.#forgotForm(tenant, request, reply)
  }

  @Post('/t/:slug/forgot')
  async doForgot(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseForeign(request, this.tenants.baseUrl)
    const tenant = await this.#tenant(slug, request, reply)
    if (!tenant) return
    const wanted = wantedOf(request)
    const email = normalizeEmail(formOf(request).email ?? '')
    if (email === undefined) return this.#forgotForm(tenant, request, reply, 'email')
    await this.registrations.forgot(tenant, email, this.pages.language(tenant, wanted), commandOf(request).meta)
    const values = { signInUrl: `/t/${slug}/account` }
    this.pages.send(reply, tenant, { template: 'notice', title: (t) => t.checkMail, lead: (t) => t.linkSent, wanted, values })
  }

  @Get('/t/:slug/reset')
  async reset(@Param('slug') slug: string, @Query() query: Query, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const tenant = await this.#tenant(slug, request, reply)
    if (!tenant) return
    const token = text(query.token)
    const known = (await this.challenges.peek(tenant.id, token.split('.')[0] as string))?.purpose === 'reset'
    this.#resetForm(tenant, request, reply, token, known ? undefined : 'expired')
  }

  @Post('/t/:slug/reset')
  async doReset(@Param('slug') slug: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseForeign(request, this.tenants.baseUrl)
    const tenant = await this.#tenant(slug, request, reply)
    if (!tenant) return
    const form = formOf(request)
    const token = text(form.token)
    const done = await this.registrations.reset(tenant, token, passwordOf(form), commandOf(request).meta).catch(problemOf)
    if (typeof done === 'string') return this.#resetForm(tenant, request, reply, token, done)
    if (isRefusal(done)) return this.#resetForm(tenant, request, reply, token, problemOf(done))
    const values = { signInUrl: `/t/${slug}/account` }
    const page = {
      template: 'notice',
      title: (t: { resetTitle: string }) => t.resetTitle,
      lead: (t: { passwordChanged: string }) => t.passwordChanged,
    } as const
    this.pages.send(reply, tenant, { ...page, wanted: wantedOf(request), values })
  }

  @Get('/setup')
  async setUpForm(@Query() query: Query, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const token = text(query.token)
    this.#setUpForm(await this.setUp.tenantOf(token), request, reply, token)
  }

  @Post('/setup')
  async doSetUp(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseForeign(request, this.tenants.baseUrl)
    const form = formOf(request)
    const token = text(form.token)
    const tenant = await this.setUp.tenantOf(token)
    if (!tenant) return this.#setUpForm(undefined, request, reply, token)
    const email = normalizeEmail(form.email ?? '')
    if (email === undefined) return this.#setUpForm(tenant, request, reply, token, 'email')
    const { meta } = commandOf(request)
    const person = { email, name: form.name?.trim().slice(0, 200) || undefined, password: passwordOf(form) }
    const done = await this.setUp.use(tenant, token, person, meta).catch(problemOf)
    if (typeof done === 'string' || isRefusal(done)) return this.#setUpForm(tenant, request, reply, token, typeof done === 'string' ? done : problemOf(done))
    const exchange = { slug: tenant.slug, req: request.raw, res: reply.raw, address: request.ip }
    await this.interactions.startSession(exchange, { user: done.user, method: 'set-up', meta: { ...meta, actor: { type: 'user', id: done.user } } })
    void reply.redirect(`/t/${tenant.slug}/account`, 303)
  }

  #forgotForm(tenant: Tenant, request: FastifyRequest, reply: FastifyReply, problem?: PageProblem): void {
    const values = { action: `/t/${tenant.slug}/forgot`, email: '', signInUrl: `/t/${tenant.slug}/account` }
    this.pages.send(reply, tenant, { template: 'forgot', title: (t) => t.resetTitle, lead: (t) => t.resetHint, wanted: wantedOf(request), problem, values })
  }

  #resetForm(tenant: Tenant, request: FastifyRequest, reply: FastifyReply, token: string, problem?: PageProblem): void {
    const wanted = wantedOf(request)
    const [language] = wanted
    if (problem === 'expired' || problem === 'taken') {
      const values = { forgotUrl: `/t/${tenant.slug}/forgot`, signInUrl: `/t/${tenant.slug}/account` }
      return this.pages.send(reply, tenant, { template: 'notice', title: (t) => t.resetTitle, wanted, problem: 'expired', values, status: 410 })
    }
    const values = { action: `/t/${tenant.slug}/reset${language ? `?ui_locales=${encodeURIComponent(language)}` : ''}`, token }
    this.pages.send(reply, tenant, { template: 'reset', title: (t) => t.chooseNew, wanted, problem, values })
  }

  #setUpForm(tenant: Tenant | undefined, request: FastifyRequest, reply: FastifyReply, token: string, problem?: PageProblem): void {
    const wanted = wantedOf(request)
    const page = { title: (t: { setUp: string }) => t.setUp, wanted }
    if (!tenant) return this.pages.send(reply, plainLook, { ...page, template: 'notice', problem: 'expired', status: 410 })
    const form = formOf(request)
    const values = { action: '/setup', token, email: form.email ?? '', name: form.name }
    this.pages.send(reply, tenant, { ...page, template: 'set-up', lead: (t) => t.setUpHint, problem, values })
  }

  async #tenant(slug: string, request: FastifyRequest, reply: FastifyReply): Promise<Tenant | undefined> {
    const tenant = await this.tenants.bySlug(slug)
    if (!tenant) noSuchTenant(this.pages, request, reply)
    return tenant
  }
}
