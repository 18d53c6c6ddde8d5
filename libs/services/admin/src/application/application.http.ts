/** Applications of the own tenant. */
import { Body, Controller, Delete, Get, Inject, Param, Post, Put, Query, Res } from '@nestjs/common'
import { orThrow, RefusalError } from '@pavan/kernel'
import { application, applicationInput, applicationPage, idParam, tenantQuery, type ApplicationAnswer } from '@pavan/contracts/admin/admin.contract.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { answerEtag, IfMatch } from '@pavan/platform/http/etag.js'
import { Rows } from '@pavan/platform/views/rows.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { AdminAggregates } from '../admin-aggregates.js'
import type { ApplicationCommand } from './application.decider.js'
import { applications } from './applications.view.js'

const example = { id: 'app_01j9z3f8k2m4n6p8q0r2s4t6v8', name: 'Shop', description: 'Where customers buy', createdAt: 1_790_000_000_000, version: 1 }

@Controller('/api/v1/admin/applications')
export class ApplicationController {
  constructor(
    @Inject(AdminAggregates) private readonly admin: AdminAggregates,
    @Inject(Rows) private readonly rows: Rows,
  ) {}

  @Post()
  @Requires('create', 'applications')
  @Answers(201, application, { summary: 'Create an application', example })
  async create(
    @Caller() caller: CallerIdentity,
    @Body({ schema: applicationInput }) body: z.output<typeof applicationInput>,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const id = command.newId('application')
    await this.handle(caller.tenant, id, command, { type: 'create', ...body }, reply)
    return this.read(caller.tenant, id, reply)
  }

  @Get()
  @Requires('read', 'applications')
  @Answers(200, applicationPage, { summary: 'List applications', description: 'Oldest first.', example: { items: [example] } })
  list(@Caller() caller: CallerIdentity, @Query({ schema: tenantQuery }) query: z.output<typeof tenantQuery>) {
    return this.rows.find(applications, { index: 'byTenant', where: { tenant: caller.tenant }, ...query })
  }

  @Get(':application')
  @Requires('read', 'applications')
  @Answers(200, application, { summary: 'Read an application', example })
  @Refuses('admin.application.not-found')
  one(@Caller() caller: CallerIdentity, @Param('application', { schema: idParam }) id: string, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.read(caller.tenant, id, reply)
  }

  @Put(':application')
  @Requires('update', 'applications')
  @Answers(200, application, { summary: 'Replace the texts of an application', example })
  @Refuses('admin.application.not-found')
  async replace(
    @Caller() caller: CallerIdentity,
    @Param('application', { schema: idParam }) id: string,
    @Body({ schema: applicationInput }) body: z.output<typeof applicationInput>,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.handle(caller.tenant, id, command, { type: 'update', ...body }, reply, expected)
    return this.read(caller.tenant, id, reply)
  }

  @Delete(':application')
  @Requires('delete', 'applications')
  @Answers(204, undefined, { summary: 'Delete an application', description: 'Its clients are deleted right after it.' })
  @Refuses('admin.application.not-found')
  async remove(
    @Caller() caller: CallerIdentity,
    @Param('application', { schema: idParam }) id: string,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.handle(caller.tenant, id, command, { type: 'delete' }, reply)
  }

  private async handle(
    tenant: string,
    id: string,
    { meta }: CommandEnvelope,
    command: ApplicationCommand,
    reply: FastifyReply,
    expected?: number,
  ): Promise<void> {
    answerPosition(reply, orThrow(await this.admin.applications.handle({ tenant, id, meta }, command, { expected })).position)
  }

  private async read(tenant: string, id: string, reply: FastifyReply): Promise<ApplicationAnswer> {
    const { state, version } = await this.admin.applications.load(tenant, id)
    if (state.phase !== 'active') throw new RefusalError('admin.application.not-found')
    answerEtag(reply, version)
    const { name, description, createdAt } = state
    return { id, name, description, createdAt, version }
  }
}
