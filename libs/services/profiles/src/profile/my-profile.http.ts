/** A person's own profile. */
import { Body, Controller, Get, Inject, Patch, Post, Res } from '@nestjs/common'
import { erasure, profile, profilePatch, subjectExport } from '@pavan/contracts/profiles/profiles.contract.js'
import { Answers } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { answerEtag, IfMatch } from '@pavan/platform/http/etag.js'
import { SelfService } from '@pavan/platform/http/public.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { erasureAnswer, erasureExample } from '../erasure/erasure-answer.js'
import { Erasures } from '../erasure/erasures.js'
import { SubjectExporter } from '../export/subject-exporter.js'
import { profileExample } from './profile.http.js'
import { ProfileReader } from './profile-reader.js'

@Controller('/api/v1/profiles/me')
@SelfService()
export class MyProfileController {
  constructor(
    @Inject(ProfileReader) private readonly reader: ProfileReader,
    @Inject(SubjectExporter) private readonly exporter: SubjectExporter,
    @Inject(Erasures) private readonly erasures: Erasures,
  ) {}

  @Get()
  @Answers(200, profile, { summary: 'Read the own profile', example: profileExample })
  async read(@Caller() caller: CallerIdentity, @Res({ passthrough: true }) reply: FastifyReply) {
    const answer = await this.reader.read(own(caller))
    answerEtag(reply, answer.version)
    return answer
  }

  @Patch()
  @Answers(200, profile, {
    summary: 'Change the own profile',
    description: 'A JSON merge patch (RFC 7396) of the attributes; null removes one.',
    example: profileExample,
  })
  async patch(
    @Caller() caller: CallerIdentity,
    @Body({ schema: profilePatch }) body: z.output<typeof profilePatch>,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    answerPosition(reply, await this.reader.patch(own(caller), body.attributes, expected, command))
    return this.read(caller, reply)
  }

  @Post('export')
  @Answers(200, subjectExport, { summary: 'Export the own data', description: 'Everything that is known of the person. That it was handed out is recorded.' })
  async export(@Caller() caller: CallerIdentity, @Command() command: CommandEnvelope, @Res({ passthrough: true }) reply: FastifyReply) {
    const { answer, position } = await this.exporter.export(own(caller), command.meta)
    answerPosition(reply, position)
    return answer
  }

  @Post('erasure')
  @Answers(202, erasure, {
    summary: 'Erase the own account',
    description: 'The key of the personal data is destroyed at once; every store then forgets what it holds.',
    example: erasureExample,
  })
  async erase(@Caller() caller: CallerIdentity, @Command() command: CommandEnvelope, @Res({ passthrough: true }) reply: FastifyReply) {
    const { tenant, subject } = caller
    const begun = await this.erasures.begin(tenant, subject.id, command.newId('erasure'), command.meta)
    answerPosition(reply, begun.position)
    return erasureAnswer(begun.erasure, [])
  }
}

const own = ({ tenant, subject }: CallerIdentity) => ({ tenant, user: subject.id, reader: 'self' }) as const
