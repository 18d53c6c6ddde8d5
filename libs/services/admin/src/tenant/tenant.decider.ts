/** A tenant: an issuer with people and applications of its own. Its stream lies in the tenant itself. */
import { refuse, takeEverywhere, type Decider } from '@pavan/kernel'
import { tenantCreated, tenantRenamed, type EventOf } from '@pavan/contracts'
import { recordedAt } from '../recorded-at.js'

export type TenantCommand = { readonly type: 'create'; readonly slug: string; readonly name: string } | { readonly type: 'rename'; readonly name: string }

export type TenantEvent = EventOf<typeof tenantCreated> | EventOf<typeof tenantRenamed>

export interface TenantState {
  readonly exists: boolean
  readonly slug: string
  readonly name: string
  /** Milliseconds since 1970; 0 where it is not known. */
  readonly createdAt: number
}

export const tenant: Decider<TenantCommand, TenantEvent, TenantState> = {
  category: 'tenant',
  initial: { exists: false, slug: '', name: '', createdAt: 0 },

  decide(command, state) {
    switch (command.type) {
      case 'create': {
        const { slug, name } = command
        if (state.exists) return state.slug === slug ? [] : refuse('admin.tenant.exists')
        return [tenantCreated.of({ data: { slug, name } })]
      }
      case 'rename':
        if (!state.exists) return refuse('admin.tenant.not-found')
        return state.name === command.name ? [] : [tenantRenamed.of({ data: { name: command.name } })]
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'tenant.created':
        return { exists: true, slug: event.data.slug, name: event.data.name, createdAt: recordedAt(event) }
      case 'tenant.renamed':
        return { ...state, name: event.data.name }
    }
  },

  /** The slug names the tenant in URLs, so no two tenants of the installation have the same. */
  claims: (event) => (event.type === 'tenant.created' ? [takeEverywhere('tenant-slug', event.data.slug)] : []),
}
