/** Assignments go with whom, where and what they name. */
import { clientDeleted, memberRemoved, organizationDeleted, policyDeleted, roleAssigned, roleDeleted, subjectErased, userErased } from '@pavan/contracts'
import { orThrow } from '@pavan/kernel'
import { isBuiltInRole } from '@pavan/platform/access/built-in-roles.js'
import { defineReaction, type ReactionCommand } from '@pavan/platform/bus/define-reaction.js'
import { positionToken } from '@pavan/platform/events/position-token.js'
import { on } from '@pavan/platform/views/define-view.js'
import { Rows, type FindQuery, type TableDefinition } from '@pavan/platform/views/rows.js'
import { Views } from '@pavan/platform/views/views.js'
import { DefinitionStores } from '../definition/definition-stores.js'
import { definitionsView, roles } from '../definition/definitions.view.js'
import { Assignments } from './assignments.js'
import { assignments as table, assignmentsView, type AssignmentRow } from './assignments.view.js'

const all = async <R extends object>(rows: Rows, from: TableDefinition<R>, query: Omit<FindQuery<R>, 'limit' | 'cursor'>): Promise<readonly R[]> => {
  const found: R[] = []
  let cursor: string | undefined
  do {
    const page = await rows.find(from, { ...query, limit: 1000, cursor })
    found.push(...page.items)
    cursor = page.next
  } while (cursor)
  return found
}

export const clearUp = defineReaction({
  name: 'clear-up',
  inject: [Assignments, DefinitionStores, Rows, Views],
  with: (assignments: Assignments, definitions: DefinitionStores, rows: Rows, views: Views) => {
    const take = async (tenant: string, row: Pick<AssignmentRow, 'subject' | 'role' | 'organization'>, { meta }: ReactionCommand): Promise<void> => {
      const { subject, role, organization } = row
      // Each assignment is a command of its own: several of them may lie in one stream.
      const own = { ...meta, commandId: `${meta.commandId}/${role}/${organization ?? ''}` }
      orThrow(await assignments.unassign({ tenant, meta: own }, subject, [organization === undefined ? { role } : { role, organization }]))
    }
    const strip = (event: { stream: { tenant: string } }, subject: string, { meta }: ReactionCommand) =>
      assignments.strip({ tenant: event.stream.tenant, meta }, subject)
    return [
      on(subjectErased, (event, command: ReactionCommand) => strip(event, event.data.user, command)),
      on(userErased, (event, command: ReactionCommand) => strip(event, event.stream.id, command)),
      on(clientDeleted, (event, command: ReactionCommand) => strip(event, event.stream.id, command)),
      on(organizationDeleted, async ({ stream: { tenant, id } }, command: ReactionCommand) => {
        for (const row of await all(rows, table, { index: 'byOrganization', where: { tenant, organization: id } })) await take(tenant, row, command)
      }),
      on(memberRemoved, async ({ stream: { tenant, id }, data: { user } }, command: ReactionCommand) => {
        const held = await all(rows, table, { index: 'bySubject', where: { tenant, subject: user } })
        for (const row of held.filter((one) => one.organization === id)) await take(tenant, row, command)
      }),
      on(roleDeleted, async (event, command: ReactionCommand) => {
        const { tenant } = event.stream
        await views.waitFor(positionToken(event.context, event.position), assignmentsView.name)
        const held = await all(rows, table, { index: 'byRole', where: { tenant, role: event.data.key } })
        // What was assigned later was assigned to a role of the same name that came after.
        for (const row of held.filter((one) => one.seq < event.position.seq)) await take(tenant, row, command)
      }),
      // An assignment that came in between: its role was there when it was asked for and gone when it was written.
      on(roleAssigned, async (event, command: ReactionCommand) => {
        const { assignee: subject, role, organization } = event.data
        if (isBuiltInRole(role) || (await definitions.roles.exists(event.stream.tenant, role))) return
        await take(event.stream.tenant, { subject, role, organization }, command)
      }),
      on(policyDeleted, async (event, command: ReactionCommand) => {
        const { tenant } = event.stream
        const { key } = event.data
        await views.waitFor(positionToken(event.context, event.position), definitionsView.name)
        for (const role of await all(rows, roles, { index: 'byTenant', where: { tenant } })) {
          if (role.policies.includes(key)) await definitions.dropPolicy(tenant, role.key, key, command.meta)
        }
      }),
    ]
  },
})
