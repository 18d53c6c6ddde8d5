/** The profiles of a tenant, for its administrators. */
import { Body, Controller, Get, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common'
import { erasure, profile, profilePage, profilePatch, profileQuery, profileUser, subjectExport } from '@pavan/contracts/profiles/profiles.contract.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { answerEtag, IfMatch } from '@pavan/platform/http/etag.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { erasureAnswer, erasureExample } from '../erasure/erasure-answer.js'
import { Erasures } from '../erasure/erasures.js'
import { SubjectExporter } from '../export/subject-exporter.js'
import { ProfileSearch } from '../search/profile-search.js'
import { ProfileReader } from './profile-reader.js'

export const profileExample = {
  user: 'usr_01j9z3f8k2m4n6p8q0r2s4t6v8',
  email: 'ada@example.com',
  emailVerified: true,
  attributes: { name: 'Ada Berg', locale: 'en' },
  missing: [],
  createdAt: 1_790_000_000_000,
  version: 2,
}
const summaryExample = { user: profileExample.user, email: 'ada@example.com', emailVerified: true, name: 'Ada Berg', createdAt: 1_790_000_000_000 }

@Controller('/api/v1/profiles')
export class ProfileController {
  constructor(
    @Inject(ProfileReader) private readonly reader: ProfileReader,
    @Inject(ProfileSearch) private readonly search: ProfileSearch,
    @Inject(SubjectExporter) private readonly exporter: SubjectExporter,
    @Inject(Erasures) private readonly erasures: Erasures,
  ) {}

  @Get()
  @Requires('read', 'profiles')
  @Answers(200, profilePage, { summary: 'List or search profiles', description: 'Newest first; a search has no order.', example: { items: [summaryExample] } })
  list(@Caller() { tenant }: CallerIdentity, @Query({ schema: profileQuery }) query: z.output<typeof profileQuery>) {
    const { query: text, ...page } = query
    return text === undefined ? this.search.list(tenant, page) : this.search.find(tenant, text, page)
  }

  @Get(':user')
  @Requires('read', 'profiles')
  @Answers(200, profile, { summary: 'Read a profile', example: profileExample })
  @Refuses('profiles.profile.not-found')
  async read(@Caller() caller: CallerIdentity, @Param('user', { schema: profileUser }) user: string, @Res({ passthrough: true }) reply: FastifyReply) {
    const answer = await this.reader.read({ tenant: caller.tenant, user, reader: 'admin' })
    answerEtag(reply, answer.version)
    return answer
  }

  @Patch(':user')
  @Requires('update', 'profiles')
  @Answers(200, profile, {
    summary: 'Change a profile',
    description: 'A JSON merge patch (RFC 7396) of the attributes; null removes one.',
    example: profileExample,
  })
  @Refuses('profiles.profile.not-found')
  async patch(
    @Caller() caller: CallerIdentity,
    @Param('user', { schema: profileUser }) user: string,
    @Body({ schema: profilePatch }) body: z.output<typeof profilePatch>,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    answerPosition(reply, await this.reader.patch({ tenant: caller.tenant, user, reader: 'admin' }, body.attributes, expected, command))
    return this.read(caller, user, reply)
  }

  @Post(':user/export')
  @Requires('export', 'profiles')
  @Answers(200, subjectExport, {
    summary: 'Export the data of a person',
    description: 'Everything that is known of the person. That it was handed out, and to whom, is recorded.',
  })
  @Refuses('profiles.profile.not-found')
  async export(
    @Caller() { tenant }: CallerIdentity,
    @Param('user', { schema: profileUser }) user: string,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { answer, position } = await this.exporter.export({ tenant, user, reader: 'admin' }, command.meta)
    answerPosition(reply, position)
    return answer
  }

  @Post(':user/erasure')
  @Requires('erase', 'profiles')
  @Answers(202, erasure, {
    summary: 'Erase a person',
    description: 'The key of the personal data is destroyed at once; every store then forgets what it holds. Asking again changes nothing.',
    example: erasureExample,
  })
  @Refuses('profiles.profile.not-found')
  async erase(
    @Caller() { tenant }: CallerIdentity,
    @Param('user', { schema: profileUser }) user: string,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    if (!(await this.erasures.of(tenant, user))) await this.reader.read({ tenant, user, reader: 'admin' })
    const begun = await this.erasures.begin(tenant, user, command.newId('erasure'), command.meta)
    answerPosition(reply, begun.position)
    return erasureAnswer(begun.erasure, await this.erasures.reports(tenant, begun.erasure.id))
  }
}
