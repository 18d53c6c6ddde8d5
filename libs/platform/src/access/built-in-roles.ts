/** Roles that every tenant has from the beginning. They cannot be changed, and no role of a tenant can take their names. */
import type { AccessRule } from '@pavan/contracts'

export const builtInRoles: Readonly<Record<string, { readonly name: string; readonly description: string; readonly rules: readonly AccessRule[] }>> = {
  administrator: { name: 'Administrator', description: 'Manages everything of the tenant.', rules: [{ action: 'manage', subject: 'all' }] },
  viewer: { name: 'Viewer', description: 'Reads everything of the tenant and changes nothing.', rules: [{ action: 'read', subject: 'all' }] },
  'resource-server': {
    name: 'Resource server',
    description: 'Asks for decisions about the subjects of the tenant.',
    rules: [{ action: 'read', subject: 'decisions' }],
  },
  operator: {
    name: 'Operator',
    description: 'Creates and manages tenants. Counts in the first tenant only.',
    rules: [{ action: 'manage', subject: 'tenants' }],
  },
}

export const isBuiltInRole = (key: string): boolean => Object.hasOwn(builtInRoles, key)

/** Slug of the first tenant, the operator's own. Slugs are unique and the first start takes this one. */
export const firstTenantSlug = 'main'

/** Comes last in the rules of everybody who is not an operator: no role and no policy of a tenant reaches other tenants. */
export const tenantsAreTheOperators: AccessRule = { action: 'manage', subject: 'tenants', inverted: true, reason: "Tenants are the operator's." }
