/**
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a write that is sent again within 24 hours gets its first answer.
 *
 * The first request inserts a row, which is the only thing that decides a race. The answer is kept encrypted under the caller's key.
 * When the process dies in between, the row's lease runs out and the next repetition runs again with the same command id and the
 * same new ids, so that what was already written is not written twice.
 */
import { createHash, randomUUID } from 'node:crypto'
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common'
import { RefusalError, type Clock } from '@pavan/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { from, lastValueFrom, type Observable } from 'rxjs'
import { defineTable, type Rows } from '../views/rows.js'
import { callerOf, type CallerIdentity } from './caller.js'
import { seedCommand } from './command.js'
import { problemsStatus } from './problems.js'

/** Milliseconds that an answer is kept. */
const kept = 24 * 3_600_000
/** Milliseconds after which a request that never finished may be taken over. */
export const leaseMillis = 15_000

interface IdempotencyRow {
  readonly tenant: string
  readonly caller: string
  /** Hash of method, URL and body. */
  readonly request: string
  /** Empty when nobody works on it. */
  readonly owner: string
  readonly leaseUntil: number
  readonly startedAt: number
  readonly done: boolean
  readonly status?: number
  readonly personal?: { readonly headers: Record<string, string>; readonly body?: unknown }
  readonly expiresAt: number
}

export const idempotencyTable = defineTable<IdempotencyRow>({
  name: 'idempotency',
  version: 1,
  durability: 'full',
  indexes: { byCaller: ['tenant', 'caller'] },
  expires: 'expiresAt',
  personal: { field: 'personal', tenant: 'tenant', subject: 'caller' },
})

const remembered = ['location', 'etag', 'pavan-position', 'content-type'] as const
const writes = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

const hash = (...parts: readonly string[]): Buffer => {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(`${part.length}:`).update(part)
  return digest.digest()
}

export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly rows: Rows,
    private readonly clock: Clock,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>()
    const key = request.headers['idempotency-key']
    const caller = callerOf(request.raw)
    if (key === undefined || !caller || !writes.has(request.method)) return next.handle()
    if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) throw new RefusalError('request.parameter.invalid', { pointer: 'Idempotency-Key' })
    return from(this.once({ key, caller, request, reply: context.switchToHttp().getResponse<FastifyReply>(), next }))
  }

  private async once(call: Call): Promise<unknown> {
    const { caller, request } = call
    const id = hash(caller.tenant, caller.subject.id, request.method, request.routeOptions.url ?? '', call.key)
    const rowKey = `${caller.tenant}/${id.toString('base64url')}`
    const now = this.clock.now()
    const row: IdempotencyRow = {
      tenant: caller.tenant,
      caller: caller.subject.id,
      request: hash(request.method, request.url, JSON.stringify(request.body) ?? '').toString('base64url'),
      owner: randomUUID(),
      leaseUntil: now + leaseMillis,
      startedAt: now,
      done: false,
      expiresAt: now + kept,
    }
    if ((await this.rows.apply([{ op: 'insert', table: idempotencyTable, key: rowKey, row }] as never)).applied) {
      return this.run(call, rowKey, row, id)
    }
    const found = await this.rows.get(idempotencyTable, rowKey)
    // Gone between the two steps: whoever removed it was refused, so nothing has been done under this key.
    if (!found) throw new RefusalError('request.idempotency.in-progress')
    if (found.request !== row.request) throw new RefusalError('request.idempotency.mismatch')
    if (found.done) return this.repeat(call, found)
    if (found.leaseUntil > now) throw new RefusalError('request.idempotency.in-progress')
    const taken = { owner: row.owner, leaseUntil: row.leaseUntil }
    const takeover = { op: 'patch', table: idempotencyTable, key: rowKey, set: taken, if: { owner: found.owner, leaseUntil: found.leaseUntil, done: false } }
    if (!(await this.rows.apply([takeover] as never)).applied) throw new RefusalError('request.idempotency.in-progress')
    return this.run(call, rowKey, { ...found, ...taken }, id)
  }

  private async run(call: Call, key: string, row: IdempotencyRow, digest: Uint8Array): Promise<unknown> {
    seedCommand(call.request.raw, { digest, at: row.startedAt })
    try {
      const body: unknown = await lastValueFrom(call.next.handle(), { defaultValue: undefined })
      const headers: Record<string, string> = {}
      for (const name of remembered) {
        const value = call.reply.getHeader(name)
        if (value !== undefined) headers[name] = String(value)
      }
      await this.rows.apply([
        { op: 'put', table: idempotencyTable, key, row: { ...row, done: true, status: call.reply.statusCode, personal: { headers, body } } },
      ] as never)
      return body
    } catch (thrown) {
      await this.giveBack(key, row, thrown)
      throw thrown
    }
  }

  /** After wrong input nothing was done and the key is free again; otherwise the next repetition goes on under the same ids. */
  private async giveBack(key: string, row: IdempotencyRow, thrown: unknown): Promise<void> {
    const mine = { owner: row.owner }
    const change = inputErrors.has(problemsStatus(thrown))
      ? { op: 'remove', table: idempotencyTable, key, if: mine }
      : { op: 'patch', table: idempotencyTable, key, set: { leaseUntil: 0 }, if: mine }
    await this.rows.apply([change] as never)
  }

  private repeat(call: Call, row: IdempotencyRow): unknown {
    // The caller was erased meanwhile: the answer can no longer be read, and what it did must not be done again.
    if (!row.personal) throw new RefusalError('request.idempotency.mismatch')
    void call.reply
      .status(row.status ?? 200)
      .headers(row.personal.headers)
      .header('idempotency-replayed', 'true')
    return row.personal.body
  }
}

/** Statuses after which nothing can have been written. */
const inputErrors = new Set([400, 401, 403, 404, 413, 415])

interface Call {
  readonly key: string
  readonly caller: CallerIdentity
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly next: CallHandler
}
