/** The audit log as it lies in rows. Durable: it cannot be rebuilt, because a hash that was signed must not change. */
import { defineTable } from '@pavan/platform/views/rows.js'

export interface RecordRow {
  readonly tenant: string
  readonly index: number
  /** Canonical JSON of an `AuditRecord`. */
  readonly record: string
  /** Leaf hash, base64. */
  readonly hash: string
  readonly at: number
  readonly type: string
  readonly actor: string
  readonly subject?: string
  readonly client?: string
  readonly outcome: string
}

/** 256 hashes side by side: of records at level 0, of tiles of the level below otherwise. Only complete ones are stored. */
export interface TileRow {
  readonly tenant: string
  readonly level: number
  readonly index: number
  /** 256 × 32 bytes, base64. */
  readonly hashes: string
  /** Root of the subtree above them, base64. */
  readonly root: string
}

export interface HeadRow {
  readonly tenant: string
  /** Records in the log. */
  readonly size: number
  /** `Frontier.toJSON()`. */
  readonly frontier: readonly string[]
  readonly root: string
  /** Leaf hash of the last record, base64. */
  readonly last: string
}

const durable = { version: 1, durability: 'full' } as const

export const auditRecords = defineTable<RecordRow>({
  name: 'audit-records',
  ...durable,
  indexes: {
    byTime: ['tenant', 'at'],
    byType: ['tenant', 'type', 'at'],
    byActor: ['tenant', 'actor', 'at'],
    bySubject: ['tenant', 'subject', 'at'],
    byClient: ['tenant', 'client', 'at'],
    byOutcome: ['tenant', 'outcome', 'at'],
  },
})
export const auditTiles = defineTable<TileRow>({ name: 'audit-tiles', ...durable, indexes: {} })
export const auditHeads = defineTable<HeadRow>({ name: 'audit-heads', ...durable, indexes: { byTenant: ['tenant'] } })

/** Twelve digits, so that keys sort by number. */
export const recordKey = (tenant: string, index: number): string => `${tenant}/${String(index).padStart(12, '0')}`
export const tileKey = (tenant: string, level: number, index: number): string => `${tenant}/${level}/${index}`
