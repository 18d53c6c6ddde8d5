/**
 * The authorization endpoint and its resumption after a sign-in: what a request uses up and issues (interaction, grant, code, session) is one
 * commit before the answer leaves, so that of many parallel resumptions one gets a code, and no code leaves for a session that has ended.
 */
import type { KoaContextWithOIDC } from 'oidc-provider'
import { RefusalError } from '@pavan/kernel'
import type { Rows } from '@pavan/platform/views/rows.js'
import type { Log } from '@pavan/platform/telemetry/log.js'
import type { NewSession } from '../session/new-session.js'
import type { Sessions } from '../session/sessions.js'
import { outcomeOf } from './carried-outcome.js'
import { pageContext, show } from './provider-configuration.js'
import type { ProviderPages } from './provider-pages.js'
import { releaseWhenAnswered } from './release-context.js'
import { protocolMeta } from './request-origin.js'
import type { Tenant } from './tenant-directory.js'
import { beginUnit, type Presented } from './token-unit.js'
import { waitingRequest, type Interaction } from './waiting-request.js'

interface AuthorizationParts {
  readonly tenant: Tenant
  readonly pages: ProviderPages
  readonly rows: Rows
  readonly sessions: Sessions
  readonly log: Log
}

/** What lies in oidc-provider's context beyond its types. */
interface Asked {
  readonly route?: string
  readonly entities: {
    readonly Interaction?: Interaction
    readonly AuthorizationCode?: { readonly sessionUid?: string; readonly accountId: string; readonly clientId: string }
  }
  readonly result?: { readonly login?: unknown }
  readonly client?: { readonly pavan_application?: string } & Readonly<Record<string, unknown>>
}

export const authorizationRequest = async (ctx: KoaContextWithOIDC, next: () => Promise<unknown>, parts: AuthorizationParts): Promise<void> => {
  const unit = beginUnit(ctx)
  await next()
  try {
    await rememberSignIn(ctx, parts)
    const session = await beginning(ctx)
    if (session) unit.begin(session.row)
    let lost: Presented | undefined
    const write = async (): Promise<void> => void (lost = await unit.commit(parts.rows))
    await (session ? session.record(write) : write())
    if (lost) refuse(ctx, lost)
    else showAtOnce(ctx, parts)
  } catch (error) {
    // The session was ended while the request was under way.
    if (error instanceof RefusalError) return refuse(ctx, 'Session')
    parts.log.error({ tenant: parts.tenant.id, error }, 'an authorization request could not be written')
    answer(ctx, 503, { error: 'temporarily_unavailable', error_description: 'try again' })
    ctx.set('retry-after', '1')
  } finally {
    releaseWhenAnswered(ctx)
  }
}

/** The session that begins with this request. Whoever came too late with what a page found out begins none. */
const beginning = async (ctx: KoaContextWithOIDC): Promise<NewSession | undefined> => {
  const outcome = outcomeOf(ctx.req)
  const { result, entities } = (ctx.oidc ?? { entities: {} }) as unknown as Asked
  if (!outcome || (result === undefined && (ctx.status >= 400 || !entities.Interaction))) return undefined
  // Somebody else is signed in at this browser and is asked to sign out first: the way back is a request of its own, and finds all this.
  if (result === undefined) await entities.Interaction?.persist()
  return outcome.session
}

/** A client that gets a code by a session which it did not start itself is a sign-in, too. It is written before the code is. */
const rememberSignIn = async (ctx: KoaContextWithOIDC, { tenant, sessions }: AuthorizationParts): Promise<void> => {
  const { entities, result, client: asking } = (ctx.oidc ?? { entities: {} }) as unknown as Asked
  const code = entities.AuthorizationCode
  if (!code?.sessionUid || result?.login) return
  const { clientId: client, accountId: user, sessionUid } = code
  const meta = protocolMeta(ctx.req, { type: 'user', id: user }, client)
  await sessions.signIn(sessionUid, { tenant: tenant.id, user, method: 'sso', client, application: asking?.pavan_application, meta })
}

/** The page that the person would be sent to, in the place of the redirect: a request less for everybody who signs in. */
const showAtOnce = (ctx: KoaContextWithOIDC, { tenant, pages }: AuthorizationParts): void => {
  const { route, entities, client } = ctx.oidc as unknown as Asked
  if (ctx.status !== 303 || route !== 'authorization' || !entities.Interaction || !client) return
  const page = pages.waiting(pageContext(tenant, ctx), waitingRequest(tenant, entities.Interaction, client))
  if (!page) return
  ctx.remove('location')
  ctx.status = 200
  show(ctx, page)
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
