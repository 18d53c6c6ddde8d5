/** Where protocol state lives. It is not history: every row expires, and bearer values are kept as hashes only. */
import { hash } from 'node:crypto'
import { defineTable } from '@pavan/platform/views/rows.js'

/** What oidc-provider hands to an adapter, without the bearer value itself. */
export type Payload = Readonly<Record<string, unknown>>

/** Codes, opaque access tokens, grants and families of refresh tokens. */
export interface ArtifactRow {
  readonly tenant: string
  /** `AuthorizationCode`, `AccessToken`, `RefreshToken`, `Grant`. */
  readonly model: string
  readonly grant?: string
  readonly session?: string
  readonly user?: string
  readonly client?: string
  /** Refresh tokens: hash of the one member of the family that is good. */
  readonly current?: string
  /** Seconds since 1970. */
  readonly consumed?: number
  readonly payload: Payload
  /** Milliseconds since 1970, as everywhere in rows. */
  readonly expiresAt: number
}

export const artifacts = defineTable<ArtifactRow>({
  name: 'oidc-artifacts',
  version: 1,
  durability: 'full',
  indexes: { byGrant: ['tenant', 'grant', 'model'], bySession: ['tenant', 'session'], byUser: ['tenant', 'user', 'client'] },
  expires: 'expiresAt',
})

/** Requests that wait: interactions and pushed requests. They quote what the client sent (`login_hint`), so they are encrypted under the tenant's key. */
export interface WaitingRow {
  readonly tenant: string
  readonly model: string
  readonly consumed?: number
  readonly sealed?: Payload
  readonly expiresAt: number
}

export const waiting = defineTable<WaitingRow>({
  name: 'oidc-waiting',
  version: 1,
  durability: 'full',
  indexes: { byTenant: ['tenant'] },
  expires: 'expiresAt',
  personal: { field: 'sealed', tenant: 'tenant', subject: 'tenant' },
})

/** Values that may be seen once (`jti` of a proof or an assertion). */
export interface UsedRow {
  readonly tenant: string
  readonly expiresAt: number
}

export const used = defineTable<UsedRow>({ name: 'oidc-used', version: 1, durability: 'full', indexes: { byTenant: ['tenant'] }, expires: 'expiresAt' })

/** Keys that sign cookies; newest first, the others verify. */
export interface CookieKeyRow {
  readonly tenant: string
  readonly createdAt: number
  readonly sealed?: { readonly key: string }
}

export const cookieKeys = defineTable<CookieKeyRow>({
  name: 'oidc-cookie-keys',
  version: 1,
  durability: 'full',
  indexes: { byTenant: ['tenant', 'createdAt'] },
  personal: { field: 'sealed', tenant: 'tenant', subject: 'tenant' },
})

/** A stolen copy of the rows lets nobody in: what a caller must present is stored as its SHA-256. */
export const fingerprint = (value: string): string => hash('sha256', value, 'base64url')
