import type { ErasureAnswer } from '@pavan/contracts/profiles/profiles.contract.js'
import type { ErasureRow, StoreReportRow } from './erasures.table.js'

export const erasureExample = {
  id: 'era_01j9z3f8k2m4n6p8q0r2s4t6v8',
  user: 'usr_01j9z3f8k2m4n6p8q0r2s4t6v8',
  phase: 'erased',
  requestedAt: 1_790_000_000_000,
  erasedAt: 1_790_000_000_012,
  stores: [],
}

export const erasureAnswer = (row: ErasureRow, reports: readonly StoreReportRow[]): ErasureAnswer => ({
  id: row.id,
  user: row.user,
  phase: row.phase,
  requestedAt: row.requestedAt,
  erasedAt: row.erasedAt,
  completedAt: row.completedAt,
  stores: reports.map(({ store, removed, residue, reportedAt }) => ({ store, removed, residue, reportedAt })),
  receipt: row.receipt,
})
