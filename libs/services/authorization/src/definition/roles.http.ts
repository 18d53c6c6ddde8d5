/** A role carries privileges and policies. */
import { Body, Controller, Delete, Get, Inject, Param, Post, Put, Query, Res } from '@nestjs/common'
import { accessKey, listQuery, roleAnswer, roleBody, roleInput, rolePage } from '@pavan/contracts/authorization/authorization.contract.js'
import { RefusalError } from '@pavan/kernel'
import { builtInRoles, isBuiltInRole } from '@pavan/platform/access/built-in-roles.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { IfMatch } from '@pavan/platform/http/etag.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { DefinitionStores } from './definition-stores.js'

const example = {
  key: 'clerk',
  name: 'Clerk',
  description: 'Works at the counter',
  privileges: [{ resource: 'orders', action: 'read' }],
  policies: ['own-branch'],
  builtIn: false,
  createdAt: 1_790_000_000_000,
  version: 1,
}

@Controller('/api/v1/authorization/roles')
export class RolesController {
  constructor(@Inject(DefinitionStores) private readonly stores: DefinitionStores) {}

  @Post()
  @Requires('create', 'roles')
  @Answers(201, roleAnswer, { summary: 'Create a role', description: 'A role carries privileges and policies.', example })
  @Refuses('authorization.role.exists', 'authorization.role.built-in', 'authorization.policy.unknown')
  async create(
    @Caller() caller: CallerIdentity,
    @Body({ schema: roleInput }) body: z.output<typeof roleInput>,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.check(caller.tenant, body.key, body.policies)
    await this.stores.roles.change({ caller, key: body.key, command, reply }, { type: 'create', definition: body })
    return this.read(caller.tenant, body.key, reply)
  }

  @Get()
  @Requires('read', 'roles')
  @Answers(200, rolePage, { summary: 'List roles', description: 'By key; the built-in ones come first, besides the limit.', example: { items: [example] } })
  async list(@Caller() { tenant }: CallerIdentity, @Query({ schema: listQuery }) query: z.output<typeof listQuery>) {
    const page = await this.stores.roles.list(tenant, query)
    const own = page.items.map((item) => ({ ...item, builtIn: false }))
    return { ...page, items: query.cursor === undefined ? [...Object.keys(builtInRoles).map(builtIn), ...own] : own }
  }

  @Get(':key')
  @Requires('read', 'roles')
  @Answers(200, roleAnswer, { summary: 'Read a role', example })
  @Refuses('authorization.role.not-found')
  one(@Caller() { tenant }: CallerIdentity, @Param('key', { schema: accessKey }) key: string, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.read(tenant, key, reply)
  }

  @Put(':key')
  @Requires('update', 'roles')
  @Answers(200, roleAnswer, { summary: 'Define or replace a role', description: 'With If-Match it is replaced only if nobody changed it meanwhile.', example })
  @Refuses('authorization.role.not-found', 'authorization.role.built-in', 'authorization.policy.unknown')
  async replace(
    @Caller() caller: CallerIdentity,
    @Param('key', { schema: accessKey }) key: string,
    @Body({ schema: roleBody }) body: z.output<typeof roleBody>,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.check(caller.tenant, key, body.policies)
    const type = expected === undefined ? 'define' : 'revise'
    await this.stores.roles.change({ caller, key, command, reply, expected }, { type, definition: { key, ...body } })
    return this.read(caller.tenant, key, reply)
  }

  @Delete(':key')
  @Requires('delete', 'roles')
  @Answers(204, undefined, { summary: 'Delete a role', description: 'Whoever had it has it no more.' })
  @Refuses('authorization.role.not-found', 'authorization.role.built-in')
  async remove(
    @Caller() caller: CallerIdentity,
    @Param('key', { schema: accessKey }) key: string,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    if (isBuiltInRole(key)) throw new RefusalError('authorization.role.built-in')
    await this.stores.roles.change({ caller, key, command, reply, expected }, { type: 'delete' })
  }

  private async read(tenant: string, key: string, reply: FastifyReply) {
    return isBuiltInRole(key) ? builtIn(key) : { ...(await this.stores.roles.read(tenant, key, reply)), builtIn: false }
  }

  private async check(tenant: string, key: string, named: readonly string[]): Promise<void> {
    if (isBuiltInRole(key)) throw new RefusalError('authorization.role.built-in')
    for (const policy of named) if (!(await this.stores.policies.exists(tenant, policy))) throw new RefusalError('authorization.policy.unknown', { policy })
  }
}

const builtIn = (key: string) => {
  const { name = key, description } = builtInRoles[key] ?? {}
  return { key, name, description, privileges: [], policies: [], builtIn: true, createdAt: 0, version: 1 }
}
