/** `/api/v1/identity/clients/{client}/secrets`: two secrets may be valid at once, so that a client changes over without a gap. */
import { Body, Controller, Delete, Get, Inject, Param, Post, Res } from '@nestjs/common'
import { Clock, orThrow, RefusalError } from '@pavan/kernel'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { Requires } from '@pavan/platform/access/requires.js'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { ClientDirectory } from './client-directory.js'
import { isValidAt } from './client-credentials.decider.js'
import { ClientSecrets, type CreateSecret } from './client-secrets.js'

const id = z.string().regex(/^[\w.-]{1,64}$/)
const year = 366 * 86_400

export const createSecret = z.strictObject({
  expiresInSeconds: z
    .number()
    .int()
    .min(60)
    .max(5 * year)
    .optional()
    .describe('After this time the secret is refused. Absent: it does not expire.'),
})
export const clientSecret = z.object({
  id: z.string(),
  hint: z.string().describe('Last characters of the secret'),
  expiresAt: z.number().int().optional().describe('Milliseconds since 1970'),
  valid: z.boolean(),
})
export const createdSecret = z.object({
  id: z.string(),
  client: z.string(),
  secret: z.string().describe('Shown this once'),
  expiresAt: z.number().int().optional(),
})

const example = { id: 'sec_01jd0000000000000000000000', client: 'cli_01jd0000000000000000000000', secret: 'q3Yw…' }

@Controller('/api/v1/identity')
export class ClientSecretsController {
  constructor(
    @Inject(ClientSecrets) private readonly secrets: ClientSecrets,
    @Inject(ClientDirectory) private readonly clients: ClientDirectory,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Post('clients/:client/secrets')
  @Requires('rotate', 'clients')
  @Answers(201, createdSecret, { summary: 'Create a client secret', description: 'The new secret, which is told once.', example })
  @Refuses('identity.client.not-found', 'identity.client.public', 'identity.client-secret.limit')
  create(
    @Param('client', { schema: id }) client: string,
    @Body({ schema: createSecret }) body: z.output<typeof createSecret>,
    @Caller() { tenant }: CallerIdentity,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const expiresAt = body.expiresInSeconds === undefined ? undefined : this.clock.now() + body.expiresInSeconds * 1000
    return this.#create({ tenant, client, expiresAt, secretId: command.newId('secret'), meta: command.meta }, reply)
  }

  @Post('tenants/:tenant/clients/:client/secrets')
  @Requires('create', 'tenants')
  @Answers(201, createdSecret, {
    summary: 'Create the first secret of a client of another tenant',
    description: 'For the operator, after creating a tenant.',
    example,
  })
  @Refuses('identity.client.not-found', 'identity.client.public', 'identity.client-secret.exists')
  createFirst(
    @Param('tenant', { schema: id }) tenant: string,
    @Param('client', { schema: id }) client: string,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.#create({ tenant, client, secretId: command.newId('secret'), meta: command.meta, onlyFirst: true }, reply)
  }

  @Get('clients/:client/secrets')
  @Requires('read', 'clients')
  @Answers(200, z.object({ items: z.array(clientSecret) }), { summary: 'List the secrets of a client', description: 'Without the secrets themselves.' })
  @Refuses('identity.client.not-found')
  async list(@Param('client', { schema: id }) client: string, @Caller() { tenant }: CallerIdentity) {
    await this.#known(tenant, client)
    const now = this.clock.now()
    return { items: (await this.secrets.list(tenant, client)).map((secret) => ({ ...secret, valid: isValidAt(secret, now) })) }
  }

  @Delete('clients/:client/secrets/:secret')
  @Requires('rotate', 'clients')
  @Answers(204, undefined, { summary: 'Revoke a client secret', description: 'It is refused from now on.' })
  @Refuses('identity.client-secret.not-found')
  async revoke(
    @Param('client', { schema: id }) client: string,
    @Param('secret', { schema: id }) secretId: string,
    @Caller() { tenant }: CallerIdentity,
    @Command() { meta }: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { position } = orThrow(await this.secrets.revoke({ tenant, client, secretId, meta }))
    answerPosition(reply, position)
  }

  async #create(what: CreateSecret, reply: FastifyReply): Promise<z.output<typeof createdSecret>> {
    const { settings } = await this.#known(what.tenant, what.client)
    if ((settings.kind !== 'web' && settings.kind !== 'machine') || settings.publicKeys) throw new RefusalError('identity.client.public')
    const { secret, handled } = orThrow(await this.secrets.create(what))
    // The command was applied by an earlier request whose answer was lost: its secret cannot be told again.
    if (handled.repeated) throw new RefusalError('identity.client-secret.told')
    answerPosition(reply, handled.position)
    return { id: what.secretId, client: what.client, secret, expiresAt: what.expiresAt }
  }

  async #known(tenant: string, client: string) {
    const row = await this.clients.awaited(tenant, client)
    if (!row) throw new RefusalError('identity.client.not-found')
    return row
  }
}
