/** Resource indicators of a tenant (RFC 8707). Cached; fresh as soon as the view is. */
import { Inject, Injectable } from '@nestjs/common'
import { ShortWait } from '@pavan/platform/service/short-wait.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Views } from '@pavan/platform/views/views.js'
import { apiResources, apiResourcesView } from './api-resources.view.js'
import { Recent } from './recent.js'
import { TenantDirectory } from './tenant-directory.js'

@Injectable()
export class ApiResources {
  /** Tenant → indicator → scopes. */
  readonly #known = new Recent<ReadonlyMap<string, ReadonlySet<string>>>(1000)
  readonly #toCome = new ShortWait()

  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Views) views: Views,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
  ) {
    this.#known.keepFresh(views, apiResourcesView.name, (key) => key.slice(0, key.indexOf('/')))
    this.#toCome.after(views, apiResourcesView.name)
  }

  /** Scopes that an API offers; undefined when there is no such API, not even on its way. The management API is always there. */
  scopes(tenant: string, indicator: string): Promise<ReadonlySet<string> | undefined> {
    return this.#toCome.find(async () => (await this.#known.through(tenant, () => this.#read(tenant)))?.get(indicator))
  }

  async #read(tenant: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const found = new Map<string, Set<string>>([[this.tenants.apiIndicator, new Set()]])
    let cursor: string | undefined
    do {
      const page = await this.rows.find(apiResources, { index: 'byTenant', where: { tenant }, limit: 1000, cursor })
      for (const { indicator = this.tenants.apiIndicator, scopes } of page.items) {
        const known = found.get(indicator) ?? new Set()
        for (const scope of scopes) known.add(scope)
        found.set(indicator, known)
      }
      cursor = page.next
    } while (cursor)
    return found
  }
}
