/** People who come from another system, with their password hashes and their past: through the same aggregates, dated when it happened. */
import { Body, Controller, Inject, Post, Res } from '@nestjs/common'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { Clock, isRefusal, type EventMeta } from '@pavan/kernel'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { Sessions } from '../session/sessions.js'
import { emailInput } from './email.js'
import { Users } from './users.js'

const signIn = z.strictObject({
  at: z.number().int().min(0).describe('Milliseconds since 1970'),
  outcome: z.enum(['succeeded', 'wrong-password']).default('succeeded'),
  client: z.string().max(64).optional(),
  application: z.string().max(64).optional(),
})
const person = z.strictObject({
  email: emailInput,
  name: z.string().min(1).max(200).optional(),
  emailVerified: z.boolean().default(false),
  createdAt: z.number().int().min(0).optional().describe('Milliseconds since 1970; now by default'),
  passwordHash: z
    .string()
    .max(512)
    .regex(/^\$argon2(id|i|d)\$/)
    .optional()
    .describe('PHC string of Argon2'),
  password: z.string().min(1).max(1024).optional().describe('Hashed at import, when there is no hash'),
  roles: z.array(z.string().min(1).max(128)).max(20).default([]),
  signIns: z.array(signIn).max(1000).default([]),
})
const batch = z.strictObject({ users: z.array(person).min(1).max(100) })
const result = z.object({ items: z.array(z.object({ id: z.string().optional(), code: z.string().optional().describe('Why this person was not imported') })) })

/** People who are imported at the same time. Their events then share commits, and views read many at once. */
const atOnce = 20

interface Imported {
  readonly item: z.output<typeof result>['items'][number]
  readonly position?: string
}

@Controller('/api/v1/identity')
export class ImportController {
  constructor(
    @Inject(Users) private readonly users: Users,
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Post('imports')
  @Requires('import', 'users')
  @Answers(200, result, {
    summary: 'Import users',
    description: 'One entry for each person, in order. Somebody whose address is taken, or whose password the tenant does not take, is left out.',
  })
  async import(
    @Body({ schema: batch }) body: z.output<typeof batch>,
    @Caller() { tenant }: CallerIdentity,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { commandId: _, ...meta } = command.meta
    const people = body.users.map((one, index) => ({ one, index, id: command.newId('user') }))
    const imported: Imported[] = []
    // Those of one address come one after the other: the first has it.
    const groups = Map.groupBy(people, ({ one }) => one.email).values()
    let failed = false
    const work = async (): Promise<void> => {
      for (const group of groups)
        for (const { one, index, id } of group) {
          if (failed) return
          imported[index] = await this.#one(tenant, id, one, meta)
        }
    }
    const failing = (error: unknown): never => {
      failed = true
      throw error
    }
    // After a failure nobody else is begun, and those under way are waited for: nothing is written after the answer.
    const ends = await Promise.allSettled(Array.from({ length: atOnce }, () => work().catch(failing)))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    const position = imported.findLast((one) => one.position !== undefined)?.position
    if (position !== undefined) answerPosition(reply, position)
    return { items: imported.map(({ item }) => item) }
  }

  async #one(tenant: string, user: string, one: z.output<typeof person>, meta: EventMeta): Promise<Imported> {
    const { email, name, emailVerified, roles, password } = one
    const now = this.clock.now()
    const past = (at: number): number => Math.min(at, now)
    const passwordHash = one.passwordHash ?? (password === undefined ? undefined : await this.users.hashNew(tenant, password, [email]))
    if (isRefusal(passwordHash)) return { item: { code: passwordHash.code } }
    const register = { type: 'register', method: 'import', email, name, emailVerified, passwordHash, roles } as const
    const handled = await this.users.handle(tenant, user, register, meta, past(one.createdAt ?? now))
    if (isRefusal(handled)) return { item: { code: handled.code } }
    // Each is a stream of its own: together they share commits.
    await Promise.all(
      one.signIns.map(({ at, outcome, client, application }) =>
        outcome === 'succeeded'
          ? this.sessions.recordPast({ tenant, user, method: 'password', client, application, meta }, past(at))
          : this.users.recordFailure(tenant, { user, method: 'password', reason: 'wrong-password', client, application }, meta, past(at)),
      ),
    )
    return { item: { id: user }, position: handled.position }
  }
}
