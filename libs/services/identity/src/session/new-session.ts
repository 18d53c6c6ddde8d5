import type { RowChange } from '@pavan/platform/views/rows.js'
import type { SessionRow } from './sessions.table.js'

/** A session that is not written yet. */
export interface NewSession {
  readonly id: string
  readonly row: RowChange<SessionRow>
  /** Writes its events, and by `write` the row with whatever depends on it: together where the store can, else the events first. */
  record(write: () => Promise<unknown>): Promise<void>
}
