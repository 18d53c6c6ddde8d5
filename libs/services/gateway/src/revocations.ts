import { Inject, Injectable } from '@nestjs/common'
import { Clock } from '@pavan/kernel'
import type { CallerIdentity } from '@pavan/platform/http/caller.js'
import { mirror } from '@pavan/platform/service/mirror.js'
import { keyOf } from '@pavan/platform/views/changes.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Views } from '@pavan/platform/views/views.js'
import { revocationsTable, revocationsView } from './revocations.view.js'

/** The view `revocations` in memory: asked on every call. */
@Injectable()
export class Revocations {
  readonly #until = new Map<string, number>()

  constructor(
    @Inject(Rows) readonly rows: Rows,
    @Inject(Views) readonly views: Views,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  open(): Promise<void> {
    return mirror(this, { view: revocationsView.name, table: revocationsTable, index: 'byTenant', keyOf: (row) => keyOf(row.tenant, row.id) }, (key, row) => {
      if (row) this.#until.set(key, row.until)
      else this.#until.delete(key)
      this.#forget()
    })
  }

  /** Whether the session, the user or the client of a token is gone. */
  revoked(caller: CallerIdentity): boolean {
    if (this.#until.size === 0) return false
    return this.#has(caller.tenant, caller.session) || this.#has(caller.tenant, caller.subject.id) || this.#has(caller.tenant, caller.client)
  }

  #has(tenant: string, id: string | undefined): boolean {
    return id !== undefined && (this.#until.get(`${tenant}/${id}`) ?? 0) > this.clock.now()
  }

  /** Entries come about in the order in which they expire. */
  #forget(): void {
    const now = this.clock.now()
    for (const [key, until] of this.#until) {
      if (until > now) return
      this.#until.delete(key)
    }
  }
}
