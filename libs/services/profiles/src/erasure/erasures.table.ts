/** What the process of an erasure must remember. The rows name ids only: nothing personal. */
import type { Actor } from '@pavan/kernel'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface ErasureRow {
  readonly tenant: string
  readonly user: string
  readonly id: string
  /** `requested`: the key is to be destroyed; `erased`: the stores are reporting; `completed`: there is a receipt. */
  readonly phase: 'requested' | 'erased' | 'completed'
  /** Whether the process still has something to do: found again after a crash. */
  readonly open: boolean
  readonly requestedAt: number
  readonly actor: Actor
  readonly client?: string
  readonly reason?: string
  readonly requestId?: string
  readonly traceparent?: string
  readonly erasedAt?: number
  readonly completedAt?: number
  readonly receipt?: string
}

export interface StoreReportRow {
  readonly tenant: string
  readonly erasure: string
  readonly store: string
  readonly removed: number
  readonly residue: number
  readonly reportedAt: number
}

/** Written when an erasure is asked for, before the key is destroyed, so that a crash in between is taken up again. */
export const erasures = defineTable<ErasureRow>({
  name: 'erasures',
  version: 1,
  durability: 'full',
  // `byOpen` is read by the process itself, over all tenants.
  indexes: { byTenant: ['tenant', 'requestedAt'], byId: ['tenant', 'id'], byOpen: ['open', 'requestedAt'] },
})
export const storeReports = defineTable<StoreReportRow>({
  name: 'store-reports',
  version: 1,
  durability: 'full',
  indexes: { byErasure: ['tenant', 'erasure', 'store'] },
})
