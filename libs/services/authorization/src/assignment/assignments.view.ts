/** Assignments for lists and for the reactions that clear up. */
import { roleAssigned, roleUnassigned } from '@pavan/contracts'
import { keyOf, put, remove } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'
import { grantKey } from './grant.js'

export interface AssignmentRow {
  readonly tenant: string
  readonly id: string
  readonly subject: string
  readonly role: string
  readonly organization?: string
  readonly assignedAt: number
  /** Sequence number of the event in the log of the service. */
  readonly seq: number
}

export const assignments = defineTable<AssignmentRow>({
  name: 'assignments',
  version: 1,
  durability: 'rebuildable',
  indexes: { byTenant: ['tenant', 'assignedAt'], bySubject: ['tenant', 'subject'], byRole: ['tenant', 'role'], byOrganization: ['tenant', 'organization'] },
})

export const assignmentIdOf = (subject: string, grant: { readonly role: string; readonly organization?: string }): string => `${subject}~${grantKey(grant)}`

export const assignmentsView = defineView({
  name: 'assignments',
  version: 1,
  tables: [assignments],
  on: [
    on(roleAssigned, (event) => {
      const { assignee: subject, role, organization } = event.data
      const id = assignmentIdOf(subject, event.data)
      const row = { tenant: event.stream.tenant, id, subject, role, organization, assignedAt: event.at, seq: event.position.seq }
      // Most assignments are no repetition.
      return [put(assignments, keyOf(event.stream.tenant, id), row, { fresh: true })]
    }),
    on(roleUnassigned, (event) => [remove(assignments, keyOf(event.stream.tenant, assignmentIdOf(event.data.assignee, event.data)))]),
  ],
})
