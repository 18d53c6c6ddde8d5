/** Signed statements of how large the log of a tenant was and what its root was. */
import { Inject, Injectable } from '@nestjs/common'
import { Clock } from '@pavan/kernel'
import { insert } from '@pavan/platform/views/changes.js'
import { Rows, type Page } from '@pavan/platform/views/rows.js'
import { auditHeads, type HeadRow } from '../log/audit.tables.js'
import { AuditKey } from './audit-key.js'
import { checkpoints, type CheckpointRow } from './checkpoints.tables.js'

const keyOf = (tenant: string, size: number): string => `${tenant}/${String(size).padStart(12, '0')}`

@Injectable()
export class Checkpoints {
  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(AuditKey) private readonly key: AuditKey,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** The checkpoint of the log as it is now; signed only once for each size. */
  async now(tenant: string): Promise<CheckpointRow | undefined> {
    const head = await this.rows.get(auditHeads, tenant)
    return head && this.#of(head)
  }

  list(tenant: string, page: { limit: number; cursor?: string }): Promise<Page<CheckpointRow>> {
    return this.rows.find(checkpoints, { index: 'bySize', where: { tenant }, order: 'desc', ...page })
  }

  /** Signs every log that has grown since its last checkpoint. */
  async signAll(): Promise<void> {
    let cursor: string | undefined
    do {
      const page = await this.rows.find(auditHeads, { index: 'byTenant', limit: 1000, cursor })
      for (const head of page.items) await this.#of(head)
      cursor = page.next
    } while (cursor)
  }

  async #of(head: HeadRow): Promise<CheckpointRow> {
    const { tenant, size, root, last } = head
    const key = keyOf(tenant, size)
    const known = await this.rows.get(checkpoints, key)
    if (known) return known
    const at = this.clock.now()
    const jws = await this.key.sign({ tenant, size, root, last, iat: Math.floor(at / 1000) })
    await this.rows.apply([insert(checkpoints, key, { tenant, size, root, at, jws })])
    // Another copy may have been faster: what is stored counts.
    return (await this.rows.get(checkpoints, key)) as CheckpointRow
  }
}
