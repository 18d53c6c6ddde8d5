/** The profile schema of the own tenant. */
import { Body, Controller, Get, Inject, Put, Res } from '@nestjs/common'
import { orThrow } from '@pavan/kernel'
import { defaultProfileSchema } from '@pavan/contracts/profiles/default-schema.js'
import { schemaAnswer, schemaInput } from '@pavan/contracts/profiles/profiles.contract.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { answerEtag, IfMatch } from '@pavan/platform/http/etag.js'
import { SignedIn } from '@pavan/platform/http/public.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { ProfileAggregates } from '../profile-aggregates.js'

const example = { attributes: defaultProfileSchema.slice(0, 1), version: 1 }

@Controller('/api/v1/profiles/schema')
export class SchemaController {
  constructor(@Inject(ProfileAggregates) private readonly aggregates: ProfileAggregates) {}

  @Get()
  @SignedIn()
  @Answers(200, schemaAnswer, { summary: 'Read the profile schema', description: 'The default schema has version 0.', example })
  async read(@Caller() caller: CallerIdentity, @Res({ passthrough: true }) reply: FastifyReply) {
    const { state, version } = await this.aggregates.schemas.load(caller.tenant, caller.tenant)
    answerEtag(reply, version)
    return { attributes: state.attributes, version }
  }

  @Put()
  @Requires('update', 'profile-schema')
  @Answers(200, schemaAnswer, { summary: 'Replace the profile schema', description: 'Needs If-Match with the ETag that was read.', example })
  @Refuses('profiles.schema.type-fixed')
  async replace(
    @Caller() caller: CallerIdentity,
    @Body({ schema: schemaInput }) body: z.output<typeof schemaInput>,
    @IfMatch({ required: true }) expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const place = { tenant: caller.tenant, id: caller.tenant, meta: command.meta }
    const handled = orThrow(await this.aggregates.schemas.handle(place, { type: 'set', ...body }, { expected }))
    answerPosition(reply, handled.position)
    answerEtag(reply, handled.version)
    return { attributes: handled.state.attributes, version: handled.version }
  }
}
