import { defineTable } from '@pavan/platform/views/rows.js'

/** A client that has yet to be told that a session is over. Written in the same commit as the end of the session. */
export interface LogoutNoticeRow {
  readonly tenant: string
  readonly client: string
  readonly user: string
  /** `sid` of the ID tokens that the client got in the session. */
  readonly sid: string
  readonly tries: number
  /** Milliseconds since 1970, as `expiresAt`: when it is tried next. Whoever sends moves it on first, so that one sends. */
  readonly dueAt: number
  readonly expiresAt: number
  /** Of whatever ended the session. */
  readonly traceparent?: string
}

export const logoutNotices = defineTable<LogoutNoticeRow>({
  name: 'logout-notices',
  version: 1,
  durability: 'full',
  indexes: { byDue: ['dueAt'] },
  expires: 'expiresAt',
})
