/** oidc-provider's interaction in the words of the hosted pages. */
import type { Provider } from 'oidc-provider'
import type { WaitingRequest } from './interaction.js'
import type { Tenant } from './tenant-directory.js'

export type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>

export interface Missing {
  readonly missingOIDCScope?: readonly string[]
  readonly missingOIDCClaims?: readonly string[]
  readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>
}

/** Text of at most so many characters; undefined for anything else. */
export const text = (value: unknown, limit: number): string | undefined => (typeof value === 'string' ? value.slice(0, limit) : undefined)

const originOf = (uri: unknown): string | undefined => {
  const origin = URL.parse(String(uri))?.origin
  return origin === undefined || origin === 'null' ? undefined : origin
}

export const waitingRequest = ({ id, slug }: Tenant, interaction: Interaction, client: Readonly<Record<string, unknown>>): WaitingRequest => {
  const { uid, prompt, params, session } = interaction
  const missing = prompt.details as Missing
  const scopes = [...(missing.missingOIDCScope ?? []), ...Object.values(missing.missingResourceScopes ?? {}).flat()]
  return {
    uid,
    tenant: id,
    slug,
    step: prompt.name === 'consent' ? 'consent' : 'login',
    client: {
      id: String(client.clientId),
      name: String(client.clientName ?? client.clientId),
      application: text(client.pavan_application, 64),
      firstParty: client.pavan_first_party === true,
    },
    user: session?.accountId,
    session: session?.uid,
    loginHint: text(params.login_hint, 254),
    uiLocales: (text(params.ui_locales, 200) ?? '').split(' ').filter(Boolean),
    wantsSignUp: prompt.name === 'create',
    scopes: [...new Set(scopes)].filter((scope) => scope !== 'openid'),
    returnOrigin: originOf(params.redirect_uri),
  }
}
