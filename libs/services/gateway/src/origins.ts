import { Inject, Injectable } from '@nestjs/common'
import { mirror } from '@pavan/platform/service/mirror.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { keyOf } from '@pavan/platform/views/changes.js'
import { Views } from '@pavan/platform/views/views.js'
import { originsTable, originsView, type OriginsRow } from './origins.view.js'

/** The view `origins` in memory: asked on every call of a browser. */
@Injectable()
export class Origins {
  readonly #byClient = new Map<string, OriginsRow>()
  #all: Set<string> | undefined

  constructor(
    @Inject(Rows) readonly rows: Rows,
    @Inject(Views) readonly views: Views,
  ) {}

  open(): Promise<void> {
    return mirror(this, { view: originsView.name, table: originsTable, index: 'byTenant', keyOf: (row) => keyOf(row.tenant, row.client) }, (key, row) => {
      if (row) this.#byClient.set(key, row)
      else this.#byClient.delete(key)
      this.#all = undefined
    })
  }

  /** Whether any client of any tenant has registered the origin. */
  known(origin: string): boolean {
    this.#all ??= new Set([...this.#byClient.values()].flatMap((row) => row.origins))
    return this.#all.has(origin)
  }

  allowed(tenant: string, client: string, origin: string): boolean {
    return this.#byClient.get(`${tenant}/${client}`)?.origins.includes(origin) ?? false
  }
}
