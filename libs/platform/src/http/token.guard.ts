/** Who calls? Verifies the access token unless the gateway in front, in the same process, has done so. */
import type { CanActivate, ExecutionContext } from '@nestjs/common'
import { RefusalError } from '@pavan/kernel'
import type { FastifyRequest } from 'fastify'
import type { Views } from '../views/views.js'
import { callerOf, setCaller } from './caller.js'
import { entranceKey, type Entrance } from './public.js'
import type { TokenVerifier } from './token-verifier.js'

export class TokenGuard implements CanActivate {
  constructor(
    private readonly verifier: TokenVerifier,
    private readonly views: Views,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>()
    const entrance = entranceOf(context.getHandler(), context.getClass())
    let caller = callerOf(request.raw)
    if (!caller && request.headers.authorization?.startsWith('Bearer ')) {
      caller = await this.verifier.verify(request.headers.authorization)
      if (caller) setCaller(request.raw, caller)
      else if (entrance !== 'public') throw new RefusalError('request.token.invalid')
    }
    if (!caller && entrance !== 'public') throw new RefusalError('request.token.missing')
    if (entrance === 'self' && caller?.subject.type !== 'user') throw new RefusalError('request.access.denied', { action: 'use', resource: 'own account' })
    const position = request.headers['pavan-wait-for']
    if (caller && typeof position === 'string') await this.wait(position)
    return true
  }

  /** Read your writes: the answer, and the decision whether it may be given, are at least as new as the position. */
  private async wait(position: string): Promise<void> {
    if (!/^[a-z-]{1,40}:\d{1,5}:\d{1,15}$/.test(position)) throw new RefusalError('request.parameter.invalid', { pointer: 'Pavan-Wait-For' })
    await this.views.waitFor(position)
  }
}

export const entranceOf = (handler: object, controller: object): Entrance | undefined =>
  (Reflect.getMetadata(entranceKey, handler) ?? Reflect.getMetadata(entranceKey, controller)) as Entrance | undefined
