/** What profiles knows of a person, for the standard claims of ID tokens and userinfo. Encrypted at rest under the person's key. */
import { profileChanged } from '@pavan/contracts'
import { keyOf, put } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface ProfileClaimsRow {
  readonly tenant: string
  readonly user: string
  /** Milliseconds since 1970. */
  readonly changedAt: number
  readonly personal?: { readonly values: Readonly<Record<string, unknown>> }
}

export const profileClaims = defineTable<ProfileClaimsRow>({
  name: 'profile-claims',
  version: 1,
  durability: 'rebuildable',
  indexes: { byUser: ['tenant', 'user'] },
  personal: { field: 'personal', tenant: 'tenant', subject: 'user' },
})

export const profileClaimsView = defineView({
  name: 'profile-claims',
  version: 1,
  tables: [profileClaims],
  on: [
    on(profileChanged, async (event, current) => {
      if (!event.personal) return []
      const { tenant } = event.stream
      const { user } = event.data
      const key = keyOf(tenant, user)
      const before = (await current.get(profileClaims, key))?.personal?.values ?? {}
      const values = Object.fromEntries(Object.entries({ ...before, ...event.personal.values }).filter(([, value]) => value !== null))
      return [put(profileClaims, key, { tenant, user, changedAt: event.at, personal: { values } })]
    }),
  ],
})
