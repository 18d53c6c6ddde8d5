/**
 * What the hosted pages need of the OpenID provider: the authorization request that waits for a person, and the browser session.
 * Bodies: `provider-interactions.ts`. Pages inject `Interactions`; nothing else of oidc-provider is visible to them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EventMeta } from '@pavan/kernel'

/** The raw exchange behind a Fastify request and reply (`request.raw`, `reply.raw`), and the tenant whose pages it visits. */
export interface Exchange {
  /** `/t/<slug>`: the part between the slashes. */
  readonly slug: string
  readonly req: IncomingMessage
  /** Cookies are set here by `setHeader`. The page sends the answer itself, except after the steps that end the wait (`finish…`, `abort`). */
  readonly res: ServerResponse
  /** The browser's, as far as proxies can be trusted. */
  readonly address: string
}

/** An authorization request that waits for the person. Lives at most half an hour. */
export interface WaitingRequest {
  readonly uid: string
  readonly tenant: string
  readonly slug: string
  /** What has to happen next. `login`: somebody signs in. `consent`: the signed-in person allows what is listed in `scopes`. */
  readonly step: 'login' | 'consent'
  readonly client: {
    readonly id: string
    readonly name: string
    readonly application: string | undefined
    readonly firstParty: boolean
  }
  /** Who is signed in at this browser already (always set in step `consent`; in step `login` on `max_age` and `prompt=login`). */
  readonly user: string | undefined
  readonly session: string | undefined
  /** `login_hint`: shown in the e-mail field. Untrusted text. */
  readonly loginHint: string | undefined
  /** `ui_locales` (OpenID Connect Core 3.1.2.1), best first. Untrusted text. */
  readonly uiLocales: readonly string[]
  /** `prompt=create` (OpenID Connect Prompt Create): open the sign-up form first. */
  readonly wantsSignUp: boolean
  /** Scopes that are not granted yet, for the consent page; `openid` is left out. */
  readonly scopes: readonly string[]
  /** Where the person came from and may go back to on abort: origin of the redirect URI. */
  readonly returnOrigin: string | undefined
}

export type SignInMethod = 'password' | 'sso' | 'set-up'

export interface SignedIn {
  readonly user: string
  readonly method: SignInMethod
  /** `meta` of the command: actor, origin (address, device), request id. The device name shows in the person's session list. */
  readonly meta: EventMeta
  /** False makes the session end with the browser. Default true. */
  readonly remember?: boolean
}

export interface CurrentUser {
  readonly tenant: string
  readonly user: string
  readonly session: string
  /** Seconds since 1970 of the last sign-in in this session: pages ask again for the password before delicate changes when it is old. */
  readonly signedInAt: number
}

export abstract class Interactions {
  /** The waiting request of this browser (by its cookie); undefined when there is none, it expired, or it belongs to another uid. */
  abstract load(exchange: Exchange, uid: string): Promise<WaitingRequest | undefined>

  // The three ways on. The provider writes the answer to the exchange: the redirect to the client, a redirect to a further page, or an error page.
  // False when the request has expired meanwhile; then nothing was answered.

  /** The person proved who they are: the session starts (`session.started`, `sign-in.succeeded`), durably before the answer leaves. */
  abstract finishSignIn(exchange: Exchange, uid: string, signedIn: SignedIn): Promise<boolean>

  /** The person allows what `scopes` lists. Appends `consent.given`, so that they are asked once for each client and scope. */
  abstract finishConsent(exchange: Exchange, uid: string, meta: EventMeta): Promise<boolean>

  /** The person does not want to: `access_denied` goes to the client (RFC 6749 section 4.1.2.1). */
  abstract abort(exchange: Exchange, uid: string): Promise<boolean>

  /** Signs in without an authorization request: the account pages and the set-up link. Sets the session cookie on `res`. */
  abstract startSession(exchange: Exchange, signedIn: SignedIn): Promise<CurrentUser>

  /** Who is signed in at this browser, by the session cookie. A revoked or ended session is nobody. */
  abstract currentUser(exchange: Exchange): Promise<CurrentUser | undefined>

  /** Signs this browser out: ends the session everywhere (back-channel logout included) and clears the cookie. */
  abstract endSession(exchange: Exchange, meta: EventMeta): Promise<void>
}

export abstract class UserSessions {
  /**
   * Ends sessions of a person: tokens, grants and browser sessions die durably, `session.ended` is appended for each.
   * `except` keeps the session in which the person is acting. Answers how many ended. Call it after a password change, block or erasure;
   * a reaction does it again from the event, so that a crash in between leaves nothing alive.
   */
  abstract endAll(
    tenant: string,
    user: string,
    reason: 'logout' | 'revoked' | 'password-changed' | 'blocked' | 'erased',
    options: { readonly meta: EventMeta; readonly except?: string; readonly before?: number },
  ): Promise<number>
}
