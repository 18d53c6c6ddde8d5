/** `/api/v1/identity/signing-keys`: what signs the tenant's tokens, and its rotation. */
import { Body, Controller, Get, Inject, Post, Res } from '@nestjs/common'
import { Clock, orThrow } from '@pavan/kernel'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { Requires } from '@pavan/platform/access/requires.js'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { keysAt, type SigningKeysState } from './signing-keys.decider.js'
import { SigningKeyMaker } from './signing-keys.js'

export const rotateKeys = z.strictObject({
  activeInSeconds: z
    .number()
    .int()
    .min(0)
    .max(7 * 86_400)
    .default(600)
    .describe('How long the new key is published before it signs. Verifiers that cache the key set need this time; 0 after a key was stolen.'),
})

export const signingKey = z.object({
  kid: z.string(),
  alg: z.string(),
  signs: z.boolean(),
  activeFrom: z.number().int().describe('Milliseconds since 1970'),
  verifiedUntil: z.number().int().optional().describe('Milliseconds since 1970; absent while the key is not being replaced'),
})
const answer = z.object({ items: z.array(signingKey) })

@Controller('/api/v1/identity/signing-keys')
export class SigningKeysController {
  constructor(
    @Inject(SigningKeyMaker) private readonly keys: SigningKeyMaker,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Get()
  @Requires('read', 'signing-keys')
  @Answers(200, answer, { summary: 'List the signing keys', description: 'Keys that verify now, the one that signs first.' })
  async list(@Caller() { tenant }: CallerIdentity) {
    return this.#answer(await this.keys.ensure(tenant))
  }

  @Post('rotate')
  @Requires('rotate', 'signing-keys')
  @Answers(200, answer, { summary: 'Rotate the signing key', description: 'The keys as they are from now on.' })
  @Refuses('identity.signing-key.rotating')
  async rotate(
    @Body({ schema: rotateKeys }) body: z.output<typeof rotateKeys>,
    @Caller() { tenant }: CallerIdentity,
    @Command() { meta }: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { state, position } = orThrow(await this.keys.rotate(tenant, body.activeInSeconds * 1000, meta))
    answerPosition(reply, position)
    return this.#answer(state)
  }

  #answer(state: SigningKeysState): z.output<typeof answer> {
    const [signing, ...others] = keysAt(state, this.clock.now())
    return { items: [...(signing ? [{ ...signing, signs: true }] : []), ...others.map((key) => ({ ...key, signs: false }))] }
  }
}
