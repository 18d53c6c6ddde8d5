/** May the caller do this? Runs after the token guard. An operation that says nothing about who may call it is closed. */
import type { CanActivate, ExecutionContext } from '@nestjs/common'
import { RefusalError } from '@pavan/kernel'
import type { FastifyRequest } from 'fastify'
import { callerOf } from '../http/caller.js'
import { entranceKey } from '../http/public.js'
import type { AccessEngine } from './access-engine.js'
import { requirementOf } from './requires.js'

export class AccessGuard implements CanActivate {
  constructor(private readonly engine: AccessEngine) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const handler = context.getHandler()
    const controller = context.getClass()
    // What stands on the handler counts before what stands on its controller.
    const entrance = Reflect.getMetadata(entranceKey, handler) ?? (requirementOf(handler, handler) ? undefined : Reflect.getMetadata(entranceKey, controller))
    if (entrance) return true
    const requirement = requirementOf(handler, controller)
    if (!requirement) throw new RefusalError('request.access.denied', { action: 'do this', resource: 'anything' })
    const request = context.switchToHttp().getRequest<FastifyRequest>()
    const caller = callerOf(request.raw)
    if (!caller) throw new RefusalError('request.token.missing')
    const allowed = await this.engine.guards({
      tenant: caller.tenant,
      subject: caller.subject.id,
      ...requirement,
      facts: (request.params ?? {}) as Record<string, unknown>,
    })
    if (!allowed) throw new RefusalError('request.access.denied', { ...requirement })
    return true
  }
}
