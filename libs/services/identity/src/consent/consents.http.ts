/** `/api/v1/identity/consents`: what I allowed, and taking it back. */
import { Controller, Delete, Get, Inject, Param, Res } from '@nestjs/common'
import { Answers } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { SelfService } from '@pavan/platform/http/public.js'
import { Rows } from '@pavan/platform/views/rows.js'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { ClientDirectory } from '../client/client-directory.js'
import { Consents } from './consents.js'
import { consentRows } from './consents.view.js'

export const consentAnswer = z.object({
  client: z.string(),
  name: z.string().optional().describe('Name of the client, while it exists'),
  scopes: z.array(z.string()),
  givenAt: z.number().int().describe('Milliseconds since 1970'),
})

@Controller('/api/v1/identity/consents')
export class ConsentsController {
  constructor(
    @Inject(Consents) private readonly consents: Consents,
    @Inject(ClientDirectory) private readonly clients: ClientDirectory,
    @Inject(Rows) private readonly rows: Rows,
  ) {}

  @Get()
  @SelfService()
  @Answers(200, z.object({ items: z.array(consentAnswer) }), { summary: 'List my consents', description: 'Third-party clients that I allowed to act for me.' })
  async list(@Caller() { tenant, subject }: CallerIdentity) {
    const { items } = await this.rows.find(consentRows, { index: 'byUser', where: { tenant, user: subject.id }, limit: 200 })
    return { items: await Promise.all(items.map(async (row) => ({ ...row, name: (await this.clients.find(tenant, row.client))?.settings.name }))) }
  }

  @Delete(':client')
  @SelfService()
  @Answers(204, undefined, { summary: 'Withdraw my consent', description: "The client's tokens for me are dead. Repeating it changes nothing." })
  async withdraw(
    @Param('client', { schema: z.string().regex(/^[\w.-]{1,64}$/) }) client: string,
    @Caller() { tenant, subject }: CallerIdentity,
    @Command() { meta }: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    answerPosition(reply, (await this.consents.withdraw({ tenant, user: subject.id, client, meta })).position)
  }
}
