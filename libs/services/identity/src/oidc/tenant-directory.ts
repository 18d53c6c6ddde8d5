/** The tenants as identity knows them from admin's events: issuer, name and settings. Cached; fresh as soon as the view is. */
import type { TenantSettings } from '@pavan/contracts'

export interface Tenant {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly settings: TenantSettings
}

export abstract class TenantDirectory {
  abstract bySlug(slug: string): Promise<Tenant | undefined>
  abstract byId(id: string): Promise<Tenant | undefined>
  /** `<base>/t/<slug>`. */
  abstract issuerOf(tenant: Pick<Tenant, 'slug'>): string
}
