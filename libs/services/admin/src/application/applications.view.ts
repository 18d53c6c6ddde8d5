/** Applications for lists. */
import { applicationCreated, applicationDeleted, applicationUpdated } from '@pavan/contracts'
import { patch, put, remove, rowKey } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface ApplicationRow {
  readonly tenant: string
  readonly id: string
  readonly name: string
  readonly description?: string
  readonly createdAt: number
  readonly version: number
}

export const applications = defineTable<ApplicationRow>({
  name: 'applications',
  version: 1,
  durability: 'rebuildable',
  indexes: { byTenant: ['tenant', 'createdAt'] },
})

export const applicationsView = defineView({
  name: 'applications',
  version: 1,
  tables: [applications],
  on: [
    on(applicationCreated, (event) => {
      const { tenant, id } = event.stream
      return [put(applications, rowKey(event), { tenant, id, ...event.data, createdAt: event.at, version: event.version }, { fresh: true })]
    }),
    on(applicationUpdated, (event) => {
      const { name, description } = event.data
      return [patch(applications, rowKey(event), { name, description, version: event.version })]
    }),
    on(applicationDeleted, (event) => [remove(applications, rowKey(event))]),
  ],
})
