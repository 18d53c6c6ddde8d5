/** Runs jobs under a lease, so that of several copies of a service only one does the work. */
import type { Clock } from '@pavan/kernel'
import type { Log } from '../telemetry/log.js'
import { insert, patch } from '../views/changes.js'
import { defineTable, type Rows } from '../views/rows.js'

export interface Lease {
  readonly holder: string
  /** Rises with every new holder; what a former holder still does can be told by its lower number. */
  readonly fence: number
  readonly until: number
}
export const leases = defineTable<Lease>({ name: 'leases', version: 1, durability: 'full', indexes: {} })

const leaseMs = 30_000

export class JobRunner {
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #running = new Set<Promise<void>>()
  #closed = false

  constructor(
    private readonly rows: Rows,
    private readonly clock: Clock,
    private readonly log: Log,
    /** Names this copy of the service. */
    private readonly holder: string,
  ) {}

  /** Runs a job now and then again and again; how often is counted from the end of a run. */
  start(name: string, everyMs: number, run: () => Promise<unknown>): void {
    const again = (): void => {
      if (this.#closed) return
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        const turn = this.#turn(name, run).finally(() => {
          this.#running.delete(turn)
          again()
        })
        this.#running.add(turn)
      }, everyMs)
      timer.unref()
      this.#timers.add(timer)
    }
    again()
  }

  async #turn(name: string, run: () => Promise<unknown>): Promise<void> {
    try {
      if (await this.acquire(name)) await run()
    } catch (error) {
      this.log.error({ job: name, error }, 'a job failed; it comes round again')
    }
  }

  /** Takes or renews the lease by one conditional write; answers its fencing number, or nothing when another copy holds it. */
  async acquire(name: string): Promise<number | undefined> {
    const now = this.clock.now()
    const lease = await this.rows.get(leases, name)
    const until = now + leaseMs
    if (!lease) {
      const result = await this.rows.apply([insert(leases, name, { holder: this.holder, fence: 1, until })])
      return result.applied ? 1 : undefined
    }
    const mine = lease.holder === this.holder
    if (!mine && lease.until > now) return undefined
    const fence = mine ? lease.fence : lease.fence + 1
    const result = await this.rows.apply([
      patch(leases, name, { holder: this.holder, fence, until }, { holder: lease.holder, fence: lease.fence, until: lease.until }),
    ])
    return result.applied ? fence : undefined
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all(this.#running)
  }
}
