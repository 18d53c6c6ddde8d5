/** A kind of thing that can be protected, and what can be done with it. */
import { Body, Controller, Delete, Get, Inject, Param, Post, Put, Query, Res } from '@nestjs/common'
import { accessKey, listQuery, resourceAnswer, resourceBody, resourceInput, resourcePage } from '@pavan/contracts/authorization/authorization.contract.js'
import { RefusalError } from '@pavan/kernel'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { IfMatch } from '@pavan/platform/http/etag.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { DefinitionStores } from './definition-stores.js'

const example = {
  key: 'orders',
  name: 'Orders',
  indicator: 'https://api.shop.example/orders',
  privileges: [{ action: 'read', description: 'See an order' }, { action: 'refund' }],
  createdAt: 1_790_000_000_000,
  version: 1,
}

@Controller('/api/v1/authorization/resources')
export class ResourcesController {
  constructor(@Inject(DefinitionStores) private readonly stores: DefinitionStores) {}

  @Post()
  @Requires('create', 'resources')
  @Answers(201, resourceAnswer, { summary: 'Create a resource', description: 'A kind of thing that can be protected, and what can be done with it.', example })
  @Refuses('authorization.resource.exists', 'authorization.resource.reserved')
  async create(
    @Caller() caller: CallerIdentity,
    @Body({ schema: resourceInput }) body: z.output<typeof resourceInput>,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    this.check(body.key)
    await this.stores.resources.change({ caller, key: body.key, command, reply }, { type: 'create', definition: body })
    return this.read(caller.tenant, body.key, reply)
  }

  @Get()
  @Requires('read', 'resources')
  @Answers(200, resourcePage, { summary: 'List resources', description: 'By key.', example: { items: [example] } })
  list(@Caller() { tenant }: CallerIdentity, @Query({ schema: listQuery }) query: z.output<typeof listQuery>) {
    return this.stores.resources.list(tenant, query)
  }

  @Get(':key')
  @Requires('read', 'resources')
  @Answers(200, resourceAnswer, { summary: 'Read a resource', example })
  @Refuses('authorization.resource.not-found')
  one(@Caller() { tenant }: CallerIdentity, @Param('key', { schema: accessKey }) key: string, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.read(tenant, key, reply)
  }

  @Put(':key')
  @Requires('update', 'resources')
  @Answers(200, resourceAnswer, {
    summary: 'Define or replace a resource',
    description: 'With If-Match it is replaced only if nobody changed it meanwhile.',
    example,
  })
  @Refuses('authorization.resource.not-found', 'authorization.resource.reserved')
  async replace(
    @Caller() caller: CallerIdentity,
    @Param('key', { schema: accessKey }) key: string,
    @Body({ schema: resourceBody }) body: z.output<typeof resourceBody>,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    this.check(key)
    const type = expected === undefined ? 'define' : 'revise'
    await this.stores.resources.change({ caller, key, command, reply, expected }, { type, definition: { key, ...body } })
    return this.read(caller.tenant, key, reply)
  }

  @Delete(':key')
  @Requires('delete', 'resources')
  @Answers(204, undefined, { summary: 'Delete a resource', description: 'Every rule on it falls silent until it is defined again.' })
  @Refuses('authorization.resource.not-found')
  async remove(
    @Caller() caller: CallerIdentity,
    @Param('key', { schema: accessKey }) key: string,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.stores.resources.change({ caller, key, command, reply, expected }, { type: 'delete' })
  }

  private read(tenant: string, key: string, reply: FastifyReply) {
    return this.stores.resources.read(tenant, key, reply)
  }

  /** `all` means every resource in CASL, and what the operator does to tenants is not for a tenant to define. */
  private check(key: string): void {
    if (key === 'all' || key === 'tenants') throw new RefusalError('authorization.resource.reserved')
  }
}
