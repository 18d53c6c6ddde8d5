/** What every command carries besides its own values: who, why, whence, and the id under which it is applied once. */
import { createHash, getRandomValues } from 'node:crypto'
import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import { makeId, type EventMeta, type IdKind } from '@pavan/kernel'
import type { FastifyRequest } from 'fastify'
import { callerOf } from './caller.js'
import { requestContextOf } from './request-context.js'

export interface CommandEnvelope {
  readonly meta: EventMeta
  /** Same value as `meta.commandId`. A request repeated with its Idempotency-Key has the same one. */
  readonly commandId: string
  /** An id for something that the command makes. Repeated with the same Idempotency-Key it gives the same ids in the same order. */
  newId(kind: IdKind): string
}

/** Set by the idempotency interceptor: what the ids of a repeated request are derived from. */
export interface CommandSeed {
  readonly digest: Uint8Array
  /** When the key was first used, milliseconds since 1970. */
  readonly at: number
}

const seeds = new WeakMap<object, CommandSeed>()

export const seedCommand = (raw: object, seed: CommandSeed): void => {
  seeds.set(raw, seed)
}

const derive = (seed: CommandSeed, n: number) => (into: Uint8Array) => {
  into.set(createHash('sha256').update(seed.digest).update(String(n)).digest().subarray(0, into.length))
  return into
}

/** A ticket number or a few words; no `@`, so that no address slips into what is kept in the open. */
const reasonShape = /^[A-Za-z0-9 ._:#/-]{1,100}$/

/** The envelope of a request. The optional header `Pavan-Reason` says why, for the audit log. */
export const commandOf = (request: FastifyRequest): CommandEnvelope => {
  const caller = callerOf(request.raw)
  const { requestId, traceparent } = requestContextOf(request.raw)
  const seed = seeds.get(request.raw)
  let made = 0
  const newId = (kind: IdKind): string => (seed ? makeId(kind, seed.at, derive(seed, made++)) : makeId(kind, Date.now(), (into) => getRandomValues(into)))
  const commandId = newId('command')
  const reason = request.headers['pavan-reason']
  return {
    commandId,
    newId,
    meta: {
      actor: caller ? { type: caller.subject.type, id: caller.subject.id } : { type: 'anonymous', id: 'anonymous' },
      client: caller?.client,
      reason: typeof reason === 'string' && reasonShape.test(reason) ? reason : undefined,
      commandId,
      requestId,
      traceparent,
      origin: { address: request.ip, device: request.headers['user-agent']?.slice(0, 300) },
    },
  }
}

export const Command = createParamDecorator((_: unknown, context: ExecutionContext) => commandOf(context.switchToHttp().getRequest<FastifyRequest>()))

/** Tells the caller the position of what was written, for `Pavan-Wait-For` of a later read. */
export const answerPosition = (reply: { header(name: string, value: string): unknown }, position: string): void => {
  reply.header('pavan-position', position)
}
