import { defineTable, type TableDefinition } from '@pavan/platform/views/rows.js'
import type { SignInMethod } from './session.decider.js'

/** A browser session as the provider needs it. The key is tenant and id; the cookie is found by its hash. */
export interface SessionRow {
  readonly tenant: string
  /** `ses_…` once somebody signed in: `uid` of oidc-provider, `sid` of access tokens, id of the stream. */
  readonly id: string
  /** An ended session stays as a mark until it would have expired, so that a request under way cannot bring it back. */
  readonly phase: 'alive' | 'ended'
  readonly cookie?: string
  readonly user?: string
  readonly method?: SignInMethod
  readonly startedAt?: number
  readonly seenAt?: number
  /** Milliseconds since 1970: when it ends at the latest, however busy it is. */
  readonly endsAt?: number
  /** State of oidc-provider: clients, grants, time of sign-in. */
  readonly payload?: Readonly<Record<string, unknown>>
  readonly personal?: { readonly device?: string; readonly address?: string }
  readonly expiresAt: number
}

export const sessionRows = defineTable<SessionRow>({
  name: 'oidc-sessions',
  version: 1,
  durability: 'full',
  indexes: { byCookie: ['tenant', 'cookie'], byUser: ['tenant', 'user', 'startedAt'] },
  expires: 'expiresAt',
  personal: { field: 'personal', tenant: 'tenant', subject: 'user' },
})

/** The same rows for a reader who needs nothing personal: what is sealed stays sealed. */
export const sealedSessions: TableDefinition<SessionRow> = { ...sessionRows, personal: undefined }
