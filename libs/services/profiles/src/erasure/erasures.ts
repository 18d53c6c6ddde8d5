/**
 * The process of an erasure, step by step; every step may be repeated:
 * requested → the person's key is destroyed, `subject.erased` is written → every service purges its stores and reports →
 * the files are rewritten → `erasure.completed` is written and the receipt signed.
 */
import { Inject, Injectable } from '@nestjs/common'
import { Clock, orThrow, type EventMeta } from '@pavan/kernel'
import type { ErasureReceipt } from '@pavan/contracts/profiles/erasure-receipt.js'
import { KeyRing } from '@pavan/platform/privacy/key-ring.js'
import { Compaction } from '@pavan/platform/service/compaction.js'
import { ServiceConfig } from '@pavan/platform/service/define-service.js'
import { insert, keyOf, patch, put } from '@pavan/platform/views/changes.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { ProfileAggregates } from '../profile-aggregates.js'
import { erasures, storeReports, type ErasureRow, type StoreReportRow } from './erasures.table.js'
import { ReceiptSigner } from './receipt-signer.js'

@Injectable()
export class Erasures {
  #running: Promise<unknown> = Promise.resolve()

  constructor(
    @Inject(ProfileAggregates) private readonly aggregates: ProfileAggregates,
    @Inject(Rows) private readonly rows: Rows,
    @Inject(KeyRing) private readonly keys: KeyRing,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Compaction) private readonly compaction: Compaction,
    @Inject(ReceiptSigner) private readonly signer: ReceiptSigner,
    @Inject(ServiceConfig) private readonly config: ServiceConfig,
  ) {}

  /** Erases a person. When it resolves their key is gone for good. A second request answers the first one's erasure. */
  async begin(tenant: string, user: string, id: string, meta: EventMeta): Promise<{ erasure: ErasureRow; position: string }> {
    const { actor, client, reason, requestId, traceparent } = meta // never the origin: whoever erases themselves has no key left to seal it under
    const row: ErasureRow = { tenant, user, id, phase: 'requested', open: true, requestedAt: this.clock.now(), actor, client, reason, requestId, traceparent }
    await this.rows.apply([insert(erasures, keyOf(tenant, user), row)])
    return this.destroy((await this.rows.get(erasures, keyOf(tenant, user))) as ErasureRow)
  }

  /** The erasure of a person, if there is one. */
  of(tenant: string, user: string): Promise<ErasureRow | undefined> {
    return this.rows.get(erasures, keyOf(tenant, user))
  }

  async byId(tenant: string, id: string): Promise<ErasureRow | undefined> {
    return (await this.rows.find(erasures, { index: 'byId', where: { tenant, id }, limit: 1 })).items[0]
  }

  async reports(tenant: string, erasure: string): Promise<readonly StoreReportRow[]> {
    return (await this.rows.find(storeReports, { index: 'byErasure', where: { tenant, erasure }, limit: 1000 })).items
  }

  /** A store says that it holds nothing of the person any more. */
  async report(row: StoreReportRow): Promise<void> {
    await this.rows.apply([put(storeReports, keyOf(row.tenant, row.erasure, row.store), row)])
  }

  /** Takes up every open erasure where it stands. One at a time in this process; harmless when another process does the same. */
  advance(): Promise<void> {
    const result = this.#running.then(() => this.#advance())
    this.#running = result.catch(() => {})
    return result
  }

  async #advance(): Promise<void> {
    const open = (await this.rows.find(erasures, { index: 'byOpen', where: { open: true }, limit: 1000 })).items
    for (const row of open) if (row.phase === 'requested') await this.destroy(row)
    const reported: { row: ErasureRow; stores: readonly StoreReportRow[] }[] = []
    for (const row of open) {
      const stores = await this.reports(row.tenant, row.id)
      if (this.#complete(stores)) reported.push({ row, stores })
    }
    if (reported.length === 0) return
    // Once for all of them: it rewrites every file.
    const compacted = await this.compaction.run()
    for (const { row, stores } of reported) await this.#finish(row, stores, compacted)
  }

  private async destroy(row: ErasureRow): Promise<{ erasure: ErasureRow; position: string }> {
    const { tenant, user, id } = row
    await this.keys.destroy(tenant, user)
    // Under the key of the tenant, because that of the person is gone.
    const handled = orThrow(await this.aggregates.subjects.handle({ tenant, id: user, meta: metaOf(row) }, { type: 'erase', user, erasure: id }))
    const erasedAt = handled.state.erasedAt || this.clock.now()
    if (row.phase === 'requested') await this.rows.apply([patch(erasures, keyOf(tenant, user), { phase: 'erased', erasedAt }, { phase: 'requested' })])
    return { erasure: (await this.of(tenant, user)) as ErasureRow, position: handled.position }
  }

  /** Every service has reported its event log, which it does after all its tables, and nothing is left anywhere. */
  #complete(stores: readonly StoreReportRow[]): boolean {
    const names = new Set(stores.map(({ store }) => store))
    return (
      (this.config.PAVAN_ERASURE_SERVICES as readonly string[]).every((service) => names.has(`${service}/events`)) &&
      stores.every(({ residue }) => residue === 0)
    )
  }

  async #finish(row: ErasureRow, stores: readonly StoreReportRow[], compacted: boolean): Promise<void> {
    const { tenant, user, id: erasure, requestedAt } = row
    orThrow(
      await this.aggregates.subjects.handle({ tenant, id: user, meta: metaOf(row) }, { type: 'complete', user, stores: stores.map(({ store }) => store) }),
    )
    const { state } = await this.aggregates.subjects.load(tenant, user)
    const completedAt = state.completedAt || this.clock.now()
    const receipt: ErasureReceipt = {
      version: 1,
      iss: this.config.PAVAN_URL as string,
      tenant,
      user,
      erasure,
      requestedAt,
      erasedAt: state.erasedAt || requestedAt,
      completedAt,
      compacted,
      stores: stores.map(({ store, removed, residue, reportedAt }) => ({ store, removed, residue, reportedAt })),
    }
    const signed = await this.signer.sign(receipt)
    // Whoever is second finds the phase changed: there is one receipt.
    await this.rows.apply([patch(erasures, keyOf(tenant, user), { phase: 'completed', open: false, completedAt, receipt: signed }, { phase: 'erased' })])
  }
}

const metaOf = ({ actor, client, reason, requestId, traceparent }: ErasureRow): EventMeta => ({ actor, client, reason, requestId, traceparent })
