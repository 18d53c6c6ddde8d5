/** People, for administrators; and what everybody may change of their own account. */
import { Body, Controller, Get, Inject, Param, Post, Query, Res } from '@nestjs/common'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { orThrow, RefusalError } from '@pavan/kernel'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { SelfService } from '@pavan/platform/http/public.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { UserSessions } from '../oidc/interaction.js'
import { TenantDirectory } from '../oidc/tenant-directory.js'
import { SetUp } from '../set-up/set-up.js'
import { emailInput } from './email.js'
import { OwnAccounts } from './own-accounts.js'
import { Users } from './users.js'
import { users } from './users.view.js'

const id = z.string().regex(/^[\w.-]{1,64}$/)
const password = z.string().min(1).max(1024)
const answer = z.object({
  id: z.string(),
  status: z.enum(['active', 'blocked', 'erased']),
  email: z.string().optional(),
  emailVerified: z.boolean(),
  name: z.string().optional(),
  locale: z.string().optional(),
})
const listed = z.object({ id: z.string(), status: z.string(), email: z.string().optional(), name: z.string().optional(), createdAt: z.number().int() })
const page = z.object({ items: z.array(listed), next: z.string().optional() })
const listQuery = z.object({ limit: z.coerce.number().int().min(1).max(200).default(50), cursor: z.string().max(500).optional() })
const newUser = z.strictObject({
  email: emailInput,
  name: z.string().min(1).max(200).optional(),
  password: password.optional().describe('Without one, the person sets it by a reset link'),
  emailVerified: z.boolean().default(false),
  roles: z.array(z.string().min(1).max(128)).max(20).default([]),
})
const made = z.object({ id: z.string() })
const passwordChange = z.strictObject({ currentPassword: password, newPassword: password })
const emailChange = z.strictObject({ email: emailInput, password })
const emailConfirm = z.strictObject({ challenge: z.string().max(64), code: z.string().regex(/^\d{6}$/) })
const challenged = z.object({ challenge: z.string().describe('Confirm it with the code that was mailed to the new address') })
const setUpLink = z.object({ url: z.string() })
const example = { id: 'usr_01j9z3f8k2m4n6p8q0r2s4t6v8', status: 'active', email: 'ada@example.org', emailVerified: true, name: 'Ada' }

@Controller('/api/v1/identity')
export class UsersController {
  constructor(
    @Inject(Users) private readonly users: Users,
    @Inject(UserSessions) private readonly sessions: UserSessions,
    @Inject(OwnAccounts) private readonly own: OwnAccounts,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
    @Inject(SetUp) private readonly setUp: SetUp,
    @Inject(Rows) private readonly rows: Rows,
  ) {}

  @Get('users')
  @Requires('read', 'users')
  @Answers(200, page, { summary: 'List users', description: 'Newest first.' })
  async list(@Query({ schema: listQuery }) { limit, cursor }: z.output<typeof listQuery>, @Caller() { tenant }: CallerIdentity) {
    const found = await this.rows.find(users, { index: 'byTenant', where: { tenant }, order: 'desc', limit, cursor })
    return { items: found.items.map(({ id: user, status, createdAt, personal }) => ({ id: user, status, createdAt, ...personal })), next: found.next }
  }

  @Post('users')
  @Requires('create', 'users')
  @Answers(201, made, { summary: 'Create a user', example: { id: example.id } })
  @Refuses('identity.user.email-taken', 'identity.password.too-short', 'identity.password.too-weak')
  async create(
    @Body({ schema: newUser }) body: z.output<typeof newUser>,
    @Caller() { tenant }: CallerIdentity,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const user = command.newId('user')
    const { password: chosen, ...rest } = body
    const passwordHash = chosen === undefined ? undefined : orThrow(await this.users.hashNew(tenant, chosen, [body.email]))
    const handled = orThrow(await this.users.handle(tenant, user, { type: 'register', method: 'admin', passwordHash, ...rest }, command.meta))
    answerPosition(reply, handled.position)
    return { id: user }
  }

  @Get('users/:user')
  @Requires('read', 'users')
  @Answers(200, answer, { summary: 'Read a user', example })
  @Refuses('identity.user.not-found')
  one(@Param('user', { schema: id }) user: string, @Caller() { tenant }: CallerIdentity) {
    return this.#read(tenant, user)
  }

  @Post('users/:user/block')
  @Requires('block', 'users')
  @Answers(204, undefined, { summary: 'Block a user', description: 'Every session ends; nobody signs in until the block is lifted.' })
  @Refuses('identity.user.not-found')
  async block(
    @Param('user', { schema: id }) user: string,
    @Caller() { tenant }: CallerIdentity,
    @Command() { meta }: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    answerPosition(reply, orThrow(await this.users.handle(tenant, user, { type: 'block' }, meta)).position)
    await this.sessions.endAll(tenant, user, 'blocked', { meta })
  }

  @Post('users/:user/unblock')
  @Requires('block', 'users')
  @Answers(204, undefined, { summary: 'Lift the block of a user' })
  @Refuses('identity.user.not-found')
  async unblock(
    @Param('user', { schema: id }) user: string,
    @Caller() { tenant }: CallerIdentity,
    @Command() { meta }: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    answerPosition(reply, orThrow(await this.users.handle(tenant, user, { type: 'unblock' }, meta)).position)
  }

  @Get('me')
  @SelfService()
  @Answers(200, answer, { summary: 'Read my account', example })
  me(@Caller() { tenant, subject }: CallerIdentity) {
    return this.#read(tenant, subject.id)
  }

  @Post('me/password')
  @SelfService()
  @Answers(204, undefined, { summary: 'Change my password', description: 'Every other session ends.' })
  @Refuses('identity.password.wrong', 'identity.password.locked', 'identity.password.too-short', 'identity.password.too-weak')
  async changePassword(
    @Body({ schema: passwordChange }) body: z.output<typeof passwordChange>,
    @Caller() { tenant, subject, session }: CallerIdentity,
    @Command() { meta }: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const owner = { tenant, user: subject.id, session, meta }
    const handled = orThrow(await this.own.changePassword(owner, body.currentPassword, body.newPassword))
    answerPosition(reply, handled.position)
  }

  @Post('me/email')
  @SelfService()
  @Answers(202, challenged, {
    summary: 'Ask for another e-mail address',
    description: 'A code goes to the new address. The present address may be named, too: confirming it verifies it.',
  })
  @Refuses('identity.password.wrong', 'identity.password.locked')
  async changeEmail(
    @Body({ schema: emailChange }) body: z.output<typeof emailChange>,
    @Caller() { tenant, subject }: CallerIdentity,
    @Command() { meta }: CommandEnvelope,
  ) {
    return { challenge: orThrow(await this.own.askForEmail({ tenant, user: subject.id, meta }, body.password, body.email)) }
  }

  @Post('me/email/confirm')
  @SelfService()
  @Answers(204, undefined, { summary: 'Confirm my new e-mail address', description: 'The old address is told.' })
  @Refuses('identity.challenge.expired', 'identity.challenge.wrong', 'identity.challenge.used', 'identity.user.email-taken')
  async confirmEmail(
    @Body({ schema: emailConfirm }) body: z.output<typeof emailConfirm>,
    @Caller() { tenant, subject }: CallerIdentity,
    @Command() { meta }: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    answerPosition(reply, orThrow(await this.own.confirmEmail({ tenant, user: subject.id, meta }, body.challenge, body.code)).position)
  }

  @Post('tenants/:tenant/set-up-links')
  @Requires('create', 'tenants')
  @Answers(201, setUpLink, {
    summary: 'Make a set-up link',
    description: 'By it the first administrator of the tenant registers. It works once; links made before are dead.',
  })
  @Refuses('identity.tenant.not-found', 'identity.set-up.done')
  async setUpLink(@Param('tenant', { schema: id }) tenant: string) {
    if (!(await this.tenants.byId(tenant))) throw new RefusalError('identity.tenant.not-found')
    const url = await this.setUp.link(tenant)
    if (url === undefined) throw new RefusalError('identity.set-up.done')
    return { url }
  }

  async #read(tenant: string, user: string): Promise<z.output<typeof answer>> {
    const account = await this.users.find(tenant, user)
    if (!account) throw new RefusalError('identity.user.not-found')
    const { user: found, status, email, emailVerified, name, locale } = account
    return { id: found, status, email, emailVerified, name, locale }
  }
}
