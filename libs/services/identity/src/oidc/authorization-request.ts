/**
 * The authorization endpoint and its resumption after a sign-in: what a request uses up and issues (interaction, grant, code, session) is one
 * commit before the answer leaves, so that of many parallel resumptions one gets a code, and no code leaves for a session that has ended.
 */
import type { KoaContextWithOIDC } from 'oidc-provider'
import { RefusalError } from '@pavan/kernel'
import type { Rows } from '@pavan/platform/views/rows.js'
import type { Log } from '@pavan/platform/telemetry/log.js'
import type { Sessions } from '../session/sessions.js'
import { releaseWhenAnswered } from './release-context.js'
import { protocolMeta } from './request-origin.js'
import { beginUnit, type Presented } from './token-unit.js'

interface AuthorizationParts {
  readonly tenant: string
  readonly rows: Rows
  readonly sessions: Sessions
  readonly log: Log
}

/** What lies in oidc-provider's context beyond its types. */
interface Asked {
  readonly entities: { readonly AuthorizationCode?: { readonly sessionUid?: string; readonly accountId: string; readonly clientId: string } }
  readonly result?: { readonly login?: unknown }
  readonly client?: { readonly pavan_application?: string }
}

export const authorizationRequest = async (ctx: KoaContextWithOIDC, next: () => Promise<unknown>, parts: AuthorizationParts): Promise<void> => {
  const unit = beginUnit(ctx)
  await next()
  try {
    await rememberSignIn(ctx, parts)
    const lost = await unit.commit(parts.rows)
    if (lost) refuse(ctx, lost)
  } catch (error) {
    // The session was ended while the request was under way.
    if (error instanceof RefusalError) return refuse(ctx, 'Session')
    parts.log.error({ tenant: parts.tenant, error }, 'an authorization request could not be written')
    answer(ctx, 503, { error: 'temporarily_unavailable', error_description: 'try again' })
    ctx.set('retry-after', '1')
  } finally {
    releaseWhenAnswered(ctx)
  }
}

/** A client that gets a code by a session which it did not start itself is a sign-in, too. It is written before the code is. */
const rememberSignIn = async (ctx: KoaContextWithOIDC, { tenant, sessions }: AuthorizationParts): Promise<void> => {
  const { entities, result, client: asking } = (ctx.oidc ?? { entities: {} }) as unknown as Asked
  const code = entities.AuthorizationCode
  if (!code?.sessionUid || result?.login) return
  const { clientId: client, accountId: user, sessionUid } = code
  const meta = protocolMeta(ctx.req, { type: 'user', id: user }, client)
  await sessions.signIn(sessionUid, { tenant, user, method: 'sso', client, application: asking?.pavan_application, meta })
}

const refuse = (ctx: KoaContextWithOIDC, lost: Presented): void =>
  answer(
    ctx,
    400,
    lost === 'Session'
      ? { error: 'login_required', error_description: 'the session has ended' }
      : { error: 'invalid_request', error_description: 'authorization request has expired' },
  )

/** In the place of what oidc-provider answered: neither its code nor its cookies leave. */
const answer = (ctx: KoaContextWithOIDC, status: number, body: object): void => {
  ctx.remove('location')
  ctx.remove('set-cookie')
  ctx.status = status
  ctx.body = body
}
