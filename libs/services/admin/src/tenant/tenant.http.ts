/** Tenants, for the operator of the installation; an administrator reads their own. */
import { Body, Controller, Get, Header, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common'
import { orThrow, RefusalError } from '@pavan/kernel'
import { createdTenant, idParam, tenant, tenantInput, tenantPage, tenantQuery, tenantRename, type TenantAnswer } from '@pavan/contracts/admin/admin.contract.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { answerEtag, IfMatch } from '@pavan/platform/http/etag.js'
import { Rows, type Page } from '@pavan/platform/views/rows.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { AdminAggregates } from '../admin-aggregates.js'
import { furnishTenant, management } from './furnish-tenant.js'
import { tenants, type TenantRow } from './tenants.view.js'

const example = { id: 'ten_01j9z3f8k2m4n6p8q0r2s4t6v8', slug: 'acme', name: 'Acme', createdAt: 1_790_000_000_000, version: 1 }

@Controller('/api/v1/admin')
export class TenantController {
  constructor(
    @Inject(AdminAggregates) private readonly admin: AdminAggregates,
    @Inject(Rows) private readonly rows: Rows,
  ) {}

  @Post('tenants')
  @Requires('create', 'tenants')
  @Answers(201, createdTenant, {
    summary: 'Create a tenant',
    description: 'The tenant with its first application and machine client.',
    example: { ...example, application: management, managementClient: management },
  })
  @Refuses('admin.tenant.slug-taken')
  async create(
    @Body({ schema: tenantInput }) body: z.output<typeof tenantInput>,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const id = command.newId('tenant')
    orThrow(await this.admin.tenants.handle({ tenant: id, id, meta: command.meta }, { type: 'create', ...body }))
    answerPosition(reply, await furnishTenant(this.admin, id, command.meta))
    return { ...(await this.read(id, reply)), application: management, managementClient: management }
  }

  @Get('tenants')
  @Requires('read', 'tenants')
  @Answers(200, tenantPage, { summary: 'List tenants', description: 'Tenants by slug.', example: { items: [example] } })
  list(@Query({ schema: tenantQuery }) query: z.output<typeof tenantQuery>): Promise<Page<TenantRow>> {
    return this.rows.find(tenants, { index: 'bySlug', ...query })
  }

  @Get('tenants/:tenant')
  @Requires('read', 'tenants')
  @Answers(200, tenant, { summary: 'Read a tenant', example })
  @Refuses('admin.tenant.not-found')
  one(@Param('tenant', { schema: idParam }) id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<TenantAnswer> {
    return this.read(id, reply)
  }

  @Patch('tenants/:tenant')
  @Requires('update', 'tenants')
  @Answers(200, tenant, { summary: 'Rename a tenant', example })
  @Refuses('admin.tenant.not-found')
  async rename(
    @Param('tenant', { schema: idParam }) id: string,
    @Body({ schema: tenantRename }) body: z.output<typeof tenantRename>,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const handled = orThrow(await this.admin.tenants.handle({ tenant: id, id, meta: command.meta }, { type: 'rename', ...body }, { expected }))
    answerPosition(reply, handled.position)
    return this.read(id, reply)
  }

  @Get('tenant')
  @Header('cache-control', 'no-store')
  @Requires('read', 'tenant')
  @Answers(200, tenant, { summary: 'Read the own tenant', example })
  own(@Caller() caller: CallerIdentity, @Res({ passthrough: true }) reply: FastifyReply): Promise<TenantAnswer> {
    return this.read(caller.tenant, reply)
  }

  private async read(id: string, reply: FastifyReply): Promise<TenantAnswer> {
    const { state, version } = await this.admin.tenants.load(id, id)
    if (!state.exists) throw new RefusalError('admin.tenant.not-found')
    answerEtag(reply, version)
    const { slug, name, createdAt } = state
    return { id, slug, name, createdAt, version }
  }
}
