import { userBlocked, userEmailChanged, userErased, userRegistered, userUnblocked } from '@pavan/contracts'
import { patch, put, removeAll, rowKey } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface UserRow {
  readonly tenant: string
  readonly id: string
  readonly status: 'active' | 'blocked'
  readonly createdAt: number
  readonly personal?: { readonly email?: string; readonly name?: string }
}

export const users = defineTable<UserRow>({
  name: 'users',
  version: 1,
  durability: 'rebuildable',
  indexes: { byTenant: ['tenant', 'createdAt'], byUser: ['tenant', 'id'] },
  personal: { field: 'personal', tenant: 'tenant', subject: 'id' },
})

/** The list of people for administrators. */
export const usersView = defineView({
  name: 'users',
  version: 1,
  tables: [users],
  on: [
    on(userRegistered, (event) => {
      const { tenant, id } = event.stream
      // Without personal values the person is erased: a rebuilt list leaves them out.
      return event.personal ? [put(users, rowKey(event), { tenant, id, status: 'active', createdAt: event.at, personal: event.personal }, { fresh: true })] : []
    }),
    on(userEmailChanged, async (event, current) => {
      const row = await current.get(users, rowKey(event))
      return row && event.personal ? [put(users, rowKey(event), { ...row, personal: { ...row.personal, email: event.personal.email } })] : []
    }),
    on(userBlocked, (event) => [patch(users, rowKey(event), { status: 'blocked' })]),
    on(userUnblocked, (event) => [patch(users, rowKey(event), { status: 'active' })]),
    on(userErased, ({ stream: { tenant, id } }) => [removeAll(users, 'byUser', { tenant, id })]),
  ],
})
