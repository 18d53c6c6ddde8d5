/**
 * Interactions (authorization requests that wait for a person) of this process, where no other process has the rows: they are remembered, and
 * written down when they have waited for a while, when too many wait, and when the process ends in order. Whoever signs in at once leaves no row.
 * A crash makes those begin again who came in the last half minute.
 */
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common'
import { Clock } from '@pavan/kernel'
import { defineJob } from '@pavan/platform/jobs/define-job.js'
import { put } from '@pavan/platform/views/changes.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { waiting, type WaitingRow } from './oidc-tables.js'

/** Milliseconds after which a waiting one is written. */
const soon = 20_000
/** So many are remembered, about a kilobyte each. */
const limit = 2_000

interface Kept {
  /** As text: whoever reads it may change what they get. */
  readonly text: string
  readonly expiresAt: number
  readonly since: number
  /** Whether the table has a row of it, perhaps of an earlier state. */
  stored: boolean
  /** Whether the table has it as it is. */
  written: boolean
}

@Injectable()
export class WaitingInteractions implements OnModuleDestroy {
  /** By row key, oldest first. */
  readonly #kept = new Map<string, Kept>()
  #making = false

  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Whether anything is remembered here at all. */
  get active(): boolean {
    return !this.rows.shared
  }

  find(key: string): WaitingRow | undefined {
    const kept = this.#kept.get(key)
    return kept && kept.expiresAt > this.clock.now() ? (JSON.parse(kept.text) as WaitingRow) : undefined
  }

  /** Remembers a new one, or a new state of one that is remembered. `stored`: it was found in, or has just gone to, the table. */
  keep(key: string, row: WaitingRow, stored = false): void {
    const before = this.#kept.get(key)
    const known = before ?? { since: this.clock.now(), stored }
    this.#kept.set(key, { text: JSON.stringify(row), expiresAt: row.expiresAt, since: known.since, stored: stored || known.stored, written: stored })
    if (this.#kept.size > limit && !this.#making) void this.#makeRoom().catch(() => undefined)
  }

  has(key: string): boolean {
    return this.#kept.has(key)
  }

  /** Takes one out, for whoever uses it up: a second one finds nothing. `stored`: there is a row to be removed, too. `putBack` undoes it. */
  take(key: string): { readonly stored: boolean; putBack(): void } | undefined {
    const kept = this.#kept.get(key)
    if (!kept) return undefined
    this.#kept.delete(key)
    return { stored: kept.stored, putBack: () => void this.#kept.set(key, kept) }
  }

  /** Writes those that have waited for a while, and forgets those that have expired. */
  async write(): Promise<void> {
    const now = this.clock.now()
    for (const [key, { expiresAt }] of this.#kept) if (expiresAt <= now) this.#kept.delete(key)
    await this.#store([...this.#kept].filter(([, { since, written }]) => !written && since <= now - soon))
  }

  async onModuleDestroy(): Promise<void> {
    await this.#store([...this.#kept].filter(([, { written }]) => !written)).catch(() => undefined)
  }

  /** The oldest go to the table, and are looked up there from then on. */
  async #makeRoom(): Promise<void> {
    this.#making = true
    try {
      const going = [...this.#kept].slice(0, limit / 4)
      await this.#store(going.filter(([, { written }]) => !written))
      for (const [key, one] of going) if (this.#kept.get(key) === one) this.#kept.delete(key)
    } finally {
      this.#making = false
    }
  }

  async #store(entries: readonly (readonly [string, Kept])[]): Promise<void> {
    if (entries.length === 0) return
    for (const [, one] of entries) Object.assign(one, { stored: true, written: true })
    try {
      await this.rows.apply(entries.map(([key, { text }]) => put(waiting, key, JSON.parse(text) as WaitingRow)))
    } catch (error) {
      for (const [, one] of entries) one.written = false
      throw error
    }
  }
}

export const writeWaitingInteractions = defineJob({
  name: 'write-waiting-interactions',
  everyMs: 5_000,
  inject: [WaitingInteractions],
  with: (interactions: WaitingInteractions) => () => interactions.write(),
})
