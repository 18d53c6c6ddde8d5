/** OAuth clients of the own tenant. Their secrets are made and revoked at identity. */
import { Body, Controller, Delete, Get, Inject, Param, Post, Put, Query, Res } from '@nestjs/common'
import { orThrow, RefusalError } from '@pavan/kernel'
import type { ClientSettings } from '@pavan/contracts'
import { client, clientInput, clientPage, clientQuery, clientReplacement, idParam, type ClientAnswer } from '@pavan/contracts/admin/admin.contract.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { answerEtag, IfMatch } from '@pavan/platform/http/etag.js'
import { Rows } from '@pavan/platform/views/rows.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { AdminAggregates } from '../admin-aggregates.js'
import type { ClientCommand } from './client.decider.js'
import { clients } from './clients.view.js'

const settings: ClientSettings = {
  name: 'Shop (web)',
  kind: 'web',
  redirectUris: ['https://shop.example/callback'],
  postLogoutRedirectUris: ['https://shop.example/'],
  allowedOrigins: [],
  grantTypes: ['authorization_code', 'refresh_token'],
  scopes: ['openid', 'profile', 'email'],
  firstParty: false,
  requirePushedAuthorizationRequests: false,
}
const example = { id: 'cli_01j9z3f8k2m4n6p8q0r2s4t6v8', application: 'app_01j9z3f8k2m4n6p8q0r2s4t6v8', settings, createdAt: 1_790_000_000_000, version: 1 }

@Controller('/api/v1/admin/clients')
export class ClientController {
  constructor(
    @Inject(AdminAggregates) private readonly admin: AdminAggregates,
    @Inject(Rows) private readonly rows: Rows,
  ) {}

  @Post()
  @Requires('create', 'clients')
  @Answers(201, client, { summary: 'Register a client', description: 'The client without a secret; a web or machine client gets one at identity.', example })
  @Refuses('admin.application.not-found', 'admin.client.invalid')
  async create(
    @Caller() caller: CallerIdentity,
    @Body({ schema: clientInput }) body: z.output<typeof clientInput>,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { state } = await this.admin.applications.load(caller.tenant, body.application)
    if (state.phase !== 'active') throw new RefusalError('admin.application.not-found')
    const id = command.newId('client')
    await this.handle(caller.tenant, id, command, { type: 'register', ...body }, reply)
    return this.read(caller.tenant, id, reply)
  }

  @Get()
  @Requires('read', 'clients')
  @Answers(200, clientPage, { summary: 'List clients', description: 'Oldest first; of one application when it is named.', example: { items: [example] } })
  list(@Caller() { tenant }: CallerIdentity, @Query({ schema: clientQuery }) query: z.output<typeof clientQuery>) {
    const { application, limit, cursor } = query
    return application === undefined
      ? this.rows.find(clients, { index: 'byTenant', where: { tenant }, limit, cursor })
      : this.rows.find(clients, { index: 'byApplication', where: { tenant, application }, limit, cursor })
  }

  @Get(':client')
  @Requires('read', 'clients')
  @Answers(200, client, { summary: 'Read a client', example })
  @Refuses('admin.client.not-found')
  one(@Caller() caller: CallerIdentity, @Param('client', { schema: idParam }) id: string, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.read(caller.tenant, id, reply)
  }

  @Put(':client')
  @Requires('update', 'clients')
  @Answers(200, client, { summary: 'Replace the settings of a client', description: 'All settings but the kind can change.', example })
  @Refuses('admin.client.not-found', 'admin.client.kind-fixed', 'admin.client.invalid')
  async replace(
    @Caller() caller: CallerIdentity,
    @Param('client', { schema: idParam }) id: string,
    @Body({ schema: clientReplacement }) body: z.output<typeof clientReplacement>,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.handle(caller.tenant, id, command, { type: 'replace', ...body }, reply, expected)
    return this.read(caller.tenant, id, reply)
  }

  @Delete(':client')
  @Requires('delete', 'clients')
  @Answers(204, undefined, { summary: 'Delete a client', description: 'It gets no further token.' })
  @Refuses('admin.client.not-found')
  async remove(
    @Caller() caller: CallerIdentity,
    @Param('client', { schema: idParam }) id: string,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.handle(caller.tenant, id, command, { type: 'delete' }, reply)
  }

  private async handle(tenant: string, id: string, { meta }: CommandEnvelope, command: ClientCommand, reply: FastifyReply, expected?: number): Promise<void> {
    answerPosition(reply, orThrow(await this.admin.clients.handle({ tenant, id, meta }, command, { expected })).position)
  }

  private async read(tenant: string, id: string, reply: FastifyReply): Promise<ClientAnswer> {
    const { state, version } = await this.admin.clients.load(tenant, id)
    if (state.phase !== 'active' || !state.settings) throw new RefusalError('admin.client.not-found')
    answerEtag(reply, version)
    return { id, application: state.application, settings: state.settings, createdAt: state.createdAt, version }
  }
}
