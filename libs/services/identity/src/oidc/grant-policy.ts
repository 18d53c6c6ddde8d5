/** What a client may do without asking again: everything it asks for when it is first-party, else what the person allowed before. */
import { Inject, Injectable } from '@nestjs/common'
import type { Grant, KoaContextWithOIDC } from 'oidc-provider'
import { Consents } from '../consent/consents.js'

/** oidc-provider's context, as far as the types leave it out. */
interface Asked {
  readonly requestParamOIDCScopes: ReadonlySet<string>
  readonly requestParamScopes: ReadonlySet<string>
  readonly requestParamClaims: ReadonlySet<string>
  readonly resourceServers: Readonly<Record<string, { readonly scopes: ReadonlySet<string> }>>
}

const covers = (granted: string, asked: readonly string[]): boolean => {
  const known = new Set(granted.split(' '))
  return asked.every((scope) => known.has(scope))
}

@Injectable()
export class GrantPolicy {
  constructor(@Inject(Consents) private readonly consents: Consents) {}

  async load(ctx: KoaContextWithOIDC, tenant: string): Promise<Grant | undefined> {
    const { client, session, account, provider, result } = ctx.oidc
    if (!client || !session || !account) return undefined
    const id = result?.consent?.grantId ?? session.grantIdFor(client.clientId)
    const existing = id ? await provider.Grant.find(id) : undefined
    if (result?.consent?.grantId) return existing
    const asked = ctx.oidc as unknown as Asked
    const firstParty = Boolean((client as unknown as { pavan_first_party?: boolean }).pavan_first_party)
    const openid = [...asked.requestParamOIDCScopes]
    const wanted = Object.entries(asked.resourceServers).map(
      ([indicator, { scopes }]) => [indicator, [...asked.requestParamScopes].filter((scope) => scopes.has(scope))] as const,
    )
    const missing =
      !existing || !covers(existing.getOIDCScope(), openid) || wanted.some(([indicator, scopes]) => !covers(existing.getResourceScope(indicator), scopes))
    if (!missing) return existing
    if (!firstParty) {
      const allowed = new Set(await this.consents.scopes(tenant, account.accountId, client.clientId))
      if (![...openid, ...wanted.flatMap(([, scopes]) => scopes)].every((scope) => allowed.has(scope))) return existing
    }
    return grantOf(ctx, existing, { openid, wanted, claims: firstParty ? [...asked.requestParamClaims] : [] })
  }
}

interface Wanted {
  readonly openid: readonly string[]
  readonly wanted: readonly (readonly [indicator: string, scopes: readonly string[]])[]
  readonly claims: readonly string[]
}

/** A saved grant with everything that is wanted. One that gains offline access is made anew, because it must live longer. */
const grantOf = async (ctx: KoaContextWithOIDC, existing: Grant | undefined, { openid, wanted, claims }: Wanted): Promise<Grant> => {
  const { client, account, provider } = ctx.oidc
  const reusable = existing && (!openid.includes('offline_access') || covers(existing.getOIDCScope(), ['offline_access']))
  const grant = reusable ? existing : new provider.Grant({ accountId: account?.accountId, clientId: client?.clientId })
  if (openid.length > 0) grant.addOIDCScope(openid.join(' '))
  for (const [indicator, scopes] of wanted) if (scopes.length > 0) grant.addResourceScope(indicator, scopes.join(' '))
  if (claims.length > 0) grant.addOIDCClaims([...claims])
  await grant.save()
  return grant
}
