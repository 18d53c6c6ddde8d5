/** The tenants as identity knows them from admin's events: issuer, name and settings. Cached; fresh as soon as the view is. */
import { Inject, Injectable } from '@nestjs/common'
import { ShortWait } from '@pavan/platform/service/short-wait.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Views } from '@pavan/platform/views/views.js'
import { ServiceDirectory } from '@pavan/platform/service/service-directory.js'
import { Recent } from './recent.js'
import { tenants, tenantsView, type TenantRow } from './tenants.view.js'

export type Tenant = TenantRow

/** Tenants kept in memory. */
const remembered = 10_000

@Injectable()
export class TenantDirectory {
  readonly #byId = new Recent<Tenant>(remembered)
  /** A slug never becomes another tenant's. */
  readonly #idOfSlug = new Recent<string>(remembered)
  readonly #toCome = new ShortWait()

  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Views) views: Views,
    @Inject(ServiceDirectory) private readonly services: ServiceDirectory,
  ) {
    this.#byId.keepFresh(views, tenantsView.name)
    this.#toCome.after(views, tenantsView.name)
  }

  async bySlug(slug: string): Promise<Tenant | undefined> {
    const id = await this.#idOfSlug.through(slug, async () => (await this.rows.find(tenants, { index: 'bySlug', where: { slug }, limit: 1 })).items[0]?.id)
    return id === undefined ? undefined : this.byId(id)
  }

  /** The same for whoever visits a tenant that may just have been made: its event is waited for. */
  awaited(slug: string): Promise<Tenant | undefined> {
    return this.#toCome.find(() => this.bySlug(slug))
  }

  byId(id: string): Promise<Tenant | undefined> {
    return this.#byId.through(id, () => this.rows.get(tenants, id))
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
}
