/** Where somebody is signed in: their own list, and the administrator's. */
import { Controller, Delete, Get, Inject, Param, Query } from '@nestjs/common'
import { RefusalError } from '@pavan/kernel'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { SelfService } from '@pavan/platform/http/public.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { z } from 'zod'
import { deviceName } from './device-name.js'
import { Sessions } from './sessions.js'
import type { SessionRow } from './sessions.table.js'

const id = z.string().regex(/^[\w.-]{1,64}$/)

export const sessionAnswer = z.object({
  id: z.string(),
  current: z.boolean().describe('The session by which the caller is signed in'),
  method: z.string().describe('How it began'),
  device: z.string().optional().describe('Browser and system, as far as they say'),
  address: z.string().optional().describe('IP address at sign-in'),
  startedAt: z.number().int().describe('Milliseconds since 1970, as the other times'),
  seenAt: z.number().int(),
  endsAt: z.number().int().describe('When it ends at the latest'),
})
const list = z.object({ items: z.array(sessionAnswer) })
const ended = z.object({ ended: z.number().int().describe('How many sessions were ended') })
const endQuery = z.object({ keepCurrent: z.enum(['true', 'false']).default('false').describe('`true` spares the session of this call') })

const answerOf = (row: SessionRow, current: string | undefined): z.output<typeof sessionAnswer> => ({
  id: row.id,
  current: row.id === current,
  method: row.method ?? 'password',
  device: deviceName(row.personal?.device),
  address: row.personal?.address,
  startedAt: row.startedAt ?? 0,
  seenAt: row.seenAt ?? 0,
  endsAt: row.endsAt ?? row.expiresAt,
})

@Controller('/api/v1/identity')
export class SessionsController {
  constructor(@Inject(Sessions) private readonly sessions: Sessions) {}

  @Get('sessions')
  @SelfService()
  @Answers(200, list, { summary: 'List my sessions', description: 'Newest first.' })
  own(@Caller() { tenant, subject, session }: CallerIdentity) {
    return this.#list(tenant, subject.id, session)
  }

  @Delete('sessions/:session')
  @SelfService()
  @Answers(204, undefined, { summary: 'End one of my sessions', description: 'Its tokens are dead.' })
  @Refuses('identity.session.not-found')
  endOwn(@Param('session', { schema: id }) session: string, @Caller() { tenant, subject }: CallerIdentity, @Command() { meta }: CommandEnvelope) {
    return this.#end({ tenant, user: subject.id, session }, { meta, reason: 'revoked' })
  }

  @Delete('sessions')
  @SelfService()
  @Answers(200, ended, { summary: 'End my sessions', description: 'All of them, or all but the current one.' })
  async endAllOwn(
    @Query({ schema: endQuery }) { keepCurrent }: z.output<typeof endQuery>,
    @Caller() caller: CallerIdentity,
    @Command() { meta }: CommandEnvelope,
  ) {
    const except = keepCurrent === 'true' ? caller.session : undefined
    return { ended: await this.sessions.endAll(caller.tenant, caller.subject.id, 'revoked', { meta, except }) }
  }

  @Get('users/:user/sessions')
  @Requires('read', 'sessions')
  @Answers(200, list, { summary: "List a user's sessions", description: 'Newest first.' })
  of(@Param('user', { schema: id }) user: string, @Caller() { tenant, session }: CallerIdentity) {
    return this.#list(tenant, user, session)
  }

  @Delete('users/:user/sessions/:session')
  @Requires('delete', 'sessions')
  @Answers(204, undefined, { summary: "End one of a user's sessions", description: 'Its tokens are dead.' })
  @Refuses('identity.session.not-found')
  endOne(
    @Param('user', { schema: id }) user: string,
    @Param('session', { schema: id }) session: string,
    @Caller() { tenant }: CallerIdentity,
    @Command() { meta }: CommandEnvelope,
  ) {
    return this.#end({ tenant, user, session }, { meta, reason: 'revoked' })
  }

  @Delete('users/:user/sessions')
  @Requires('delete', 'sessions')
  @Answers(200, ended, { summary: "End all of a user's sessions", description: 'Their tokens are dead.' })
  async endAll(@Param('user', { schema: id }) user: string, @Caller() { tenant }: CallerIdentity, @Command() { meta }: CommandEnvelope) {
    return { ended: await this.sessions.endAll(tenant, user, 'revoked', { meta }) }
  }

  async #list(tenant: string, user: string, current: string | undefined): Promise<z.output<typeof list>> {
    return { items: (await this.sessions.list(tenant, user)).map((row) => answerOf(row, current)) }
  }

  async #end(
    { tenant, user, session }: { tenant: string; user: string; session: string },
    { meta, reason }: { meta: CommandEnvelope['meta']; reason: 'revoked' },
  ): Promise<void> {
    const row = await this.sessions.find(tenant, session)
    // Another's session is told from none by nobody.
    if (row?.user !== user) throw new RefusalError('identity.session.not-found')
    await this.sessions.end(tenant, session, reason, meta)
  }
}
