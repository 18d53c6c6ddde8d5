/** Who calls: taken from a verified access token, never from the request itself. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import { RefusalError } from '@pavan/kernel'

export interface CallerIdentity {
  readonly tenant: string
  readonly subject: { readonly type: 'user' | 'client'; readonly id: string }
  /** OAuth client that the token was issued to. */
  readonly client?: string
  /** Session of a user (`sid`); absent for machine clients. */
  readonly session?: string
  readonly scopes: readonly string[]
  readonly jti?: string
}

/** Place of the verified caller on the raw request: the gateway fills it in process, so that a token is verified once. */
const verified = Symbol('pavan.caller')

interface Carrier {
  [verified]?: CallerIdentity
}

export const setCaller = (raw: object, caller: CallerIdentity): void => {
  ;(raw as Carrier)[verified] = caller
}

export const callerOf = (raw: object): CallerIdentity | undefined => (raw as Carrier)[verified]

/** The verified caller. On a `@Public()` operation it is `undefined` without a token; elsewhere it is always there. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const caller = callerOf(context.switchToHttp().getRequest<{ raw: object }>().raw)
  if (!caller && !isPublic(context)) throw new RefusalError('request.token.missing')
  return caller
})

const isPublic = (context: ExecutionContext): boolean =>
  (Reflect.getMetadata('pavan:entrance', context.getHandler()) ?? Reflect.getMetadata('pavan:entrance', context.getClass())) === 'public'
