/** An organization of a tenant and who belongs to it. */
import { refuse, release, take, type Decider } from '@pavan/kernel'
import { memberAdded, memberRemoved, organizationCreated, organizationDeleted, organizationRenamed, type EventOf } from '@pavan/contracts'
import { recordedAt } from '../recorded-at.js'

export type OrganizationCommand =
  | { readonly type: 'create'; readonly name: string; readonly slug: string }
  | { readonly type: 'rename'; readonly name: string }
  | { readonly type: 'delete' }
  | { readonly type: 'add-member'; readonly user: string }
  | { readonly type: 'remove-member'; readonly user: string }

export type OrganizationEvent =
  | EventOf<typeof organizationCreated>
  | EventOf<typeof organizationRenamed>
  | EventOf<typeof organizationDeleted>
  | EventOf<typeof memberAdded>
  | EventOf<typeof memberRemoved>

export interface OrganizationState {
  readonly phase: 'none' | 'active' | 'deleted'
  readonly name: string
  readonly slug: string
  readonly members: ReadonlySet<string>
  readonly createdAt: number
}

export const organization: Decider<OrganizationCommand, OrganizationEvent, OrganizationState> = {
  category: 'organization',
  initial: { phase: 'none', name: '', slug: '', members: new Set(), createdAt: 0 },

  decide(command, state) {
    if (command.type === 'create') {
      const { name, slug } = command
      return state.phase === 'none' ? [organizationCreated.of({ data: { name, slug } })] : refuse('admin.organization.exists')
    }
    if (state.phase === 'none') return refuse('admin.organization.not-found')
    if (command.type === 'delete') return state.phase === 'deleted' ? [] : [organizationDeleted.of({ data: {} })]
    if (state.phase === 'deleted') return refuse('admin.organization.not-found')
    switch (command.type) {
      case 'rename':
        return state.name === command.name ? [] : [organizationRenamed.of({ data: { name: command.name } })]
      case 'add-member':
        return state.members.has(command.user) ? [] : [memberAdded.of({ data: { user: command.user } })]
      case 'remove-member':
        return state.members.has(command.user) ? [memberRemoved.of({ data: { user: command.user } })] : []
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'organization.created':
        return { ...state, phase: 'active', name: event.data.name, slug: event.data.slug, createdAt: recordedAt(event) }
      case 'organization.renamed':
        return { ...state, name: event.data.name }
      case 'organization.deleted':
        return { ...state, phase: 'deleted', members: new Set() }
      case 'organization.member-added':
        return { ...state, members: new Set([...state.members, event.data.user]) }
      case 'organization.member-removed':
        return { ...state, members: new Set([...state.members].filter((user) => user !== event.data.user)) }
    }
  },

  claims(event, before) {
    if (event.type === 'organization.created') return [take('organization-slug', event.data.slug)]
    return event.type === 'organization.deleted' ? [release('organization-slug', before.slug)] : []
  },
}
