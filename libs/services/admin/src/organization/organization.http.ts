/** Organizations of the own tenant and their members. */
import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Put, Query, Res } from '@nestjs/common'
import { orThrow, RefusalError } from '@pavan/kernel'
import {
  idParam,
  memberInput,
  memberPage,
  organization,
  organizationInput,
  organizationPage,
  organizationRename,
  tenantQuery,
  userParam,
  type OrganizationAnswer,
} from '@pavan/contracts/admin/admin.contract.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { answerEtag, IfMatch } from '@pavan/platform/http/etag.js'
import { Rows } from '@pavan/platform/views/rows.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { AdminAggregates } from '../admin-aggregates.js'
import type { OrganizationCommand } from './organization.decider.js'
import { members, organizations } from './organizations.view.js'

const example = { id: 'org_01j9z3f8k2m4n6p8q0r2s4t6v8', slug: 'north', name: 'North', members: 2, createdAt: 1_790_000_000_000, version: 3 }
type PageQuery = z.output<typeof tenantQuery>

@Controller('/api/v1/admin/organizations')
export class OrganizationController {
  constructor(
    @Inject(AdminAggregates) private readonly admin: AdminAggregates,
    @Inject(Rows) private readonly rows: Rows,
  ) {}

  @Post()
  @Requires('create', 'organizations')
  @Answers(201, organization, { summary: 'Create an organization', example })
  @Refuses('admin.organization.slug-taken')
  async create(
    @Caller() caller: CallerIdentity,
    @Body({ schema: organizationInput }) body: z.output<typeof organizationInput>,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const id = command.newId('organization')
    await this.handle(caller.tenant, id, command, { type: 'create', ...body }, reply)
    return this.read(caller.tenant, id, reply)
  }

  @Get()
  @Requires('read', 'organizations')
  @Answers(200, organizationPage, { summary: 'List organizations', description: 'Oldest first.', example: { items: [example] } })
  list(@Caller() caller: CallerIdentity, @Query({ schema: tenantQuery }) query: PageQuery) {
    return this.rows.find(organizations, { index: 'byTenant', where: { tenant: caller.tenant }, ...query })
  }

  @Get(':organization')
  @Requires('read', 'organizations')
  @Answers(200, organization, { summary: 'Read an organization', example })
  @Refuses('admin.organization.not-found')
  one(@Caller() caller: CallerIdentity, @Param('organization', { schema: idParam }) id: string, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.read(caller.tenant, id, reply)
  }

  @Patch(':organization')
  @Requires('update', 'organizations')
  @Answers(200, organization, { summary: 'Rename an organization', example })
  @Refuses('admin.organization.not-found')
  async rename(
    @Caller() caller: CallerIdentity,
    @Param('organization', { schema: idParam }) id: string,
    @Body({ schema: organizationRename }) body: z.output<typeof organizationRename>,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.handle(caller.tenant, id, command, { type: 'rename', ...body }, reply, expected)
    return this.read(caller.tenant, id, reply)
  }

  @Delete(':organization')
  @Requires('delete', 'organizations')
  @Answers(204, undefined, { summary: 'Delete an organization', description: 'Its memberships are gone with it.' })
  @Refuses('admin.organization.not-found')
  async remove(
    @Caller() caller: CallerIdentity,
    @Param('organization', { schema: idParam }) id: string,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.handle(caller.tenant, id, command, { type: 'delete' }, reply)
  }

  @Get(':organization/members')
  @Requires('read', 'organizations')
  @Answers(200, memberPage, { summary: 'List the members of an organization', description: 'In the order in which they were added.' })
  @Refuses('admin.organization.not-found')
  async members(@Caller() caller: CallerIdentity, @Param('organization', { schema: idParam }) id: string, @Query({ schema: tenantQuery }) query: PageQuery) {
    await this.load(caller.tenant, id)
    return this.rows.find(members, { index: 'byOrganization', where: { tenant: caller.tenant, organization: id }, ...query })
  }

  @Post(':organization/members')
  @Requires('update', 'organizations')
  @Answers(200, organization, { summary: 'Add a member', description: 'Adding somebody who belongs already changes nothing.', example })
  @Refuses('admin.organization.not-found')
  async addMember(
    @Caller() caller: CallerIdentity,
    @Param('organization', { schema: idParam }) id: string,
    @Body({ schema: memberInput }) body: z.output<typeof memberInput>,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.handle(caller.tenant, id, command, { type: 'add-member', ...body }, reply)
    return this.read(caller.tenant, id, reply)
  }

  @Put(':organization/members/:user')
  @Requires('update', 'organizations')
  @Answers(204, undefined, { summary: 'Make somebody a member', description: 'The same as adding a member, by path.' })
  @Refuses('admin.organization.not-found')
  async putMember(
    @Caller() caller: CallerIdentity,
    @Param('organization', { schema: idParam }) id: string,
    @Param('user', { schema: userParam }) user: string,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.handle(caller.tenant, id, command, { type: 'add-member', user }, reply)
  }

  @Delete(':organization/members/:user')
  @Requires('update', 'organizations')
  @Answers(204, undefined, { summary: 'Remove a member' })
  @Refuses('admin.organization.not-found')
  async removeMember(
    @Caller() caller: CallerIdentity,
    @Param('organization', { schema: idParam }) id: string,
    @Param('user', { schema: userParam }) user: string,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.handle(caller.tenant, id, command, { type: 'remove-member', user }, reply)
  }

  private async handle(
    tenant: string,
    id: string,
    { meta }: CommandEnvelope,
    command: OrganizationCommand,
    reply: FastifyReply,
    expected?: number,
  ): Promise<void> {
    answerPosition(reply, orThrow(await this.admin.organizations.handle({ tenant, id, meta }, command, { expected })).position)
  }

  private async load(tenant: string, id: string) {
    const loaded = await this.admin.organizations.load(tenant, id)
    if (loaded.state.phase !== 'active') throw new RefusalError('admin.organization.not-found')
    return loaded
  }

  private async read(tenant: string, id: string, reply: FastifyReply): Promise<OrganizationAnswer> {
    const { state, version } = await this.load(tenant, id)
    answerEtag(reply, version)
    const { slug, name, createdAt } = state
    return { id, slug, name, members: state.members.size, createdAt, version }
  }
}
