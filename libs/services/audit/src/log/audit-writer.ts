/**
 * Takes every event of every service and appends it to the log of its tenant, in one commit with its place on the bus: what comes again is
 * known by that place, and what another copy of the service wrote meanwhile makes the commit fail, so that it is read and done again.
 */
import { Inject, Injectable } from '@nestjs/common'
import { contexts } from '@pavan/contracts'
import { FallenBehind, type BusBatch } from '@pavan/platform/bus/bus.js'
import { allPassed, Positions } from '@pavan/platform/bus/positions.js'
import type { BatchConsumer } from '@pavan/platform/bus/bus-transport.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { parsePositionToken } from '@pavan/platform/events/position-token.js'
import { Log } from '@pavan/platform/telemetry/log.js'
import { Rows, type Checkpoint, type RowChange } from '@pavan/platform/views/rows.js'
import { TenantLog } from './tenant-log.js'

/** Events of one commit; a record makes one row and rarely a few more. */
const atOnce = 2000
/** Tenants whose end is kept in memory, up to 40 KiB each. */
const kept = 500

@Injectable()
export class AuditWriter implements BatchConsumer {
  readonly name = 'audit-log'
  readonly contexts: readonly string[] = contexts
  /** A commit writes to the end of a log and of each of its indexes, whatever the number of records. */
  readonly interval = 50
  readonly #logs = new Map<string, TenantLog>()
  readonly #positions: Positions
  /** Batches that came while a commit was under way: they are the next one together. */
  #waiting: { readonly batch: BusBatch; readonly done: () => void; readonly failed: (error: unknown) => void }[] = []
  #writing = false
  /** Events that the bus has handed over and that are not written. */
  #pending = 0

  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Log) private readonly log: Log,
  ) {
    this.#positions = new Positions((context, p) => rows.checkpoint(this.name, context, p, 'full'), rows.shared)
  }

  resume(context: string, p: number): Promise<number> {
    return this.#positions.look(context, p)
  }

  handle(batch: BusBatch): Promise<void> {
    this.#pending += batch.events.length
    const written = new Promise<void>((done, failed) => this.#waiting.push({ batch, done, failed }))
    if (!this.#writing) void this.#writeWaiting()
    return written.finally(() => (this.#pending -= batch.events.length))
  }

  status() {
    return { name: this.name, positions: this.#positions.all(), pending: this.#pending, parked: [] }
  }

  /** Resolves when the log has what a position names. */
  async waitFor(token: string | undefined): Promise<void> {
    const parts = token === undefined ? undefined : parsePositionToken(token)
    if (!parts || !this.contexts.includes(parts.context)) return
    await allPassed([this.#positions.passed(parts.context, parts.p, parts.seq)])
  }

  async #writeWaiting(): Promise<void> {
    this.#writing = true
    // Batches that come in the same turn are one commit from the first one on.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const taken = this.#waiting
      this.#waiting = []
      try {
        await this.#write(taken.map(({ batch }) => batch))
        for (const { done } of taken) done()
      } catch {
        // One of them may be what is wrong: it alone comes again.
        for (const { batch, done, failed } of taken) {
          try {
            await this.#write([batch])
            done()
          } catch (error) {
            failed(error)
          }
        }
      }
    }
    this.#writing = false
  }

  async #write(batches: readonly BusBatch[]): Promise<void> {
    for (;;) {
      const checkpoints: Checkpoint[] = []
      const fresh: StoredEvent[] = []
      for (const batch of batches) {
        const { context, p, events, after = 0 } = batch
        // After partitions have moved, a batch may be here twice: what is left of the second one follows from what was written of the first.
        if (checkpoints.some((one) => one.context === context && one.p === p)) continue
        const from = await this.#positions.of(context, p)
        if (from < after) throw new FallenBehind(from, batch)
        const some = events.filter((event) => event.position.seq > from).slice(0, atOnce - fresh.length)
        const to = some.at(-1)?.position.seq
        if (to === undefined) continue
        fresh.push(...some)
        checkpoints.push({ consumer: this.name, context, p, from, to, durability: 'full' })
      }
      if (fresh.length === 0) return
      const logs = new Map<string, TenantLog>()
      const changes: RowChange<any>[] = []
      for (const event of fresh) {
        const { tenant } = event.stream
        let log = logs.get(tenant)
        if (!log) logs.set(tenant, (log = this.#logs.get(tenant) ?? (await TenantLog.open(this.rows, tenant))))
        // What is in memory runs ahead of what is stored until the commit; if that fails, it is read again.
        this.#logs.delete(tenant)
        changes.push(...log.append(event))
      }
      for (const log of logs.values()) changes.push(log.head())
      const result = await this.rows.apply(changes, checkpoints)
      if (result.applied) {
        this.#keep(logs)
        for (const { context, p, to } of checkpoints) this.#positions.moved(context, p, to, { stored: true })
      } else {
        for (const { context, p } of checkpoints) this.#positions.forget(context, p)
        // Two copies wanted the same place: one of them looks again, so nobody has to do anything.
        this.log.debug(
          { contexts: [...new Set(checkpoints.map(({ context }) => context))], because: result.because },
          'another copy of the audit service appended first',
        )
      }
    }
  }

  #keep(logs: ReadonlyMap<string, TenantLog>): void {
    for (const [tenant, log] of logs) this.#logs.set(tenant, log)
    for (const tenant of this.#logs.keys()) {
      if (this.#logs.size <= kept) break
      this.#logs.delete(tenant)
    }
  }
}
