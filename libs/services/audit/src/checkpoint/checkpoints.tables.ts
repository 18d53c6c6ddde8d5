import { defineTable } from '@pavan/platform/views/rows.js'
import type { JWK } from 'jose'

export interface CheckpointRow {
  readonly tenant: string
  readonly size: number
  readonly root: string
  readonly at: number
  readonly jws: string
}

export interface AuditKeyRow {
  readonly kid: string
  readonly jwk: JWK
  /** The private JWK, encrypted under the key of the installation. */
  readonly sealed: string
  readonly createdAt: number
}

export const checkpoints = defineTable<CheckpointRow>({ name: 'audit-checkpoints', version: 1, durability: 'full', indexes: { bySize: ['tenant', 'size'] } })
export const auditKeysTable = defineTable<AuditKeyRow>({ name: 'audit-keys', version: 1, durability: 'full', indexes: {} })
