/** A policy is a list of CASL rules; deny rules win over allow rules. */
import { Body, Controller, Delete, Get, Inject, Param, Post, Put, Query, Res } from '@nestjs/common'
import { accessKey, listQuery, policyAnswer, policyBody, policyInput, policyPage } from '@pavan/contracts/authorization/authorization.contract.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { IfMatch } from '@pavan/platform/http/etag.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { DefinitionStores } from './definition-stores.js'

const example = {
  key: 'own-branch',
  name: 'Orders of the own branch',
  rules: [
    { action: ['read', 'update'], subject: 'orders', conditions: { organization: '${subject.organizations}' } },
    { action: 'update', subject: 'orders', conditions: { status: 'shipped' }, inverted: true, reason: 'Shipped orders are final.' },
  ],
  createdAt: 1_790_000_000_000,
  version: 1,
}

@Controller('/api/v1/authorization/policies')
export class PoliciesController {
  constructor(@Inject(DefinitionStores) private readonly stores: DefinitionStores) {}

  @Post()
  @Requires('create', 'policies')
  @Answers(201, policyAnswer, { summary: 'Create a policy', description: 'A policy is a list of CASL rules; deny rules win over allow rules.', example })
  @Refuses('authorization.policy.exists')
  async create(
    @Caller() caller: CallerIdentity,
    @Body({ schema: policyInput }) body: z.output<typeof policyInput>,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.stores.policies.change({ caller, key: body.key, command, reply }, { type: 'create', definition: body })
    return this.read(caller.tenant, body.key, reply)
  }

  @Get()
  @Requires('read', 'policies')
  @Answers(200, policyPage, { summary: 'List policies', description: 'By key.', example: { items: [example] } })
  list(@Caller() { tenant }: CallerIdentity, @Query({ schema: listQuery }) query: z.output<typeof listQuery>) {
    return this.stores.policies.list(tenant, query)
  }

  @Get(':key')
  @Requires('read', 'policies')
  @Answers(200, policyAnswer, { summary: 'Read a policy', example })
  @Refuses('authorization.policy.not-found')
  one(@Caller() { tenant }: CallerIdentity, @Param('key', { schema: accessKey }) key: string, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.read(tenant, key, reply)
  }

  @Put(':key')
  @Requires('update', 'policies')
  @Answers(200, policyAnswer, {
    summary: 'Define or replace a policy',
    description: 'With If-Match it is replaced only if nobody changed it meanwhile.',
    example,
  })
  @Refuses('authorization.policy.not-found')
  async replace(
    @Caller() caller: CallerIdentity,
    @Param('key', { schema: accessKey }) key: string,
    @Body({ schema: policyBody }) body: z.output<typeof policyBody>,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const type = expected === undefined ? 'define' : 'revise'
    await this.stores.policies.change({ caller, key, command, reply, expected }, { type, definition: { key, ...body } })
    return this.read(caller.tenant, key, reply)
  }

  @Delete(':key')
  @Requires('delete', 'policies')
  @Answers(204, undefined, { summary: 'Delete a policy', description: 'It is taken from every role right after.' })
  @Refuses('authorization.policy.not-found')
  async remove(
    @Caller() caller: CallerIdentity,
    @Param('key', { schema: accessKey }) key: string,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.stores.policies.change({ caller, key, command, reply, expected }, { type: 'delete' })
  }

  private read(tenant: string, key: string, reply: FastifyReply) {
    return this.stores.policies.read(tenant, key, reply)
  }
}
