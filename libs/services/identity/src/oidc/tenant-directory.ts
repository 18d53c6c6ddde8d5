/** The tenants as identity knows them from admin's events: issuer, name and settings. Cached; fresh as soon as the view is. */
import { Inject, Injectable } from '@nestjs/common'
import { Rows } from '@pavan/platform/views/rows.js'
import { Views } from '@pavan/platform/views/views.js'
import { ServiceDirectory } from '@pavan/platform/service/service-directory.js'
import { tenants, tenantsView, type TenantRow } from './tenants.view.js'

export type Tenant = TenantRow

/** Tenants kept in memory. */
const remembered = 10_000

@Injectable()
export class TenantDirectory {
  readonly #byId = new Map<string, Tenant>()
  readonly #idOfSlug = new Map<string, string>()
  readonly #listeners = new Set<(tenant: string) => void>()

  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Views) views: Views,
    @Inject(ServiceDirectory) private readonly services: ServiceDirectory,
  ) {
    views.onApplied(tenantsView.name, (changes) => {
      for (const { key } of changes as readonly { key: string }[]) {
        this.#byId.delete(key)
        for (const listener of this.#listeners) listener(key)
      }
    })
  }

  async bySlug(slug: string): Promise<Tenant | undefined> {
    const id = this.#idOfSlug.get(slug)
    if (id !== undefined) return this.byId(id)
    const [row] = (await this.rows.find(tenants, { index: 'bySlug', where: { slug }, limit: 1 })).items
    return row && this.#remember(row)
  }

  async byId(id: string): Promise<Tenant | undefined> {
    const known = this.#byId.get(id)
    if (known) return known
    const row = await this.rows.get(tenants, id)
    return row && this.#remember(row)
  }

  /** `<base>/t/<slug>`. */
  issuerOf({ slug }: Pick<Tenant, 'slug'>): string {
    return `${this.baseUrl}/t/${slug}`
  }

  /** Where the system is reached from outside, without a slash at the end. */
  get baseUrl(): string {
    return this.services.baseUrl
  }

  /** Resource indicator of the management API. */
  get apiIndicator(): string {
    return `${this.baseUrl}/api`
  }

  /** Called with the id of a tenant whose row changed. */
  onChange(listener: (tenant: string) => void): void {
    this.#listeners.add(listener)
  }

  #remember(row: Tenant): Tenant {
    if (this.#byId.size >= remembered) {
      this.#byId.clear()
      this.#idOfSlug.clear()
    }
    this.#byId.set(row.id, row)
    this.#idOfSlug.set(row.slug, row.id)
    return row
  }
}
