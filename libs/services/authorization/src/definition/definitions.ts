/** Resources, roles and policies. */
import { policyDeleted, policySet, resourceDefined, resourceDeleted, roleDefined, roleDeleted, type EventOf } from '@pavan/contracts'
import { definitionDecider } from './definition.decider.js'

export type ResourceEvent = EventOf<typeof resourceDefined> | EventOf<typeof resourceDeleted>
export type ResourceDefinition = EventOf<typeof resourceDefined>['data']
export const resource = definitionDecider<ResourceDefinition, ResourceEvent>({
  noun: 'resource',
  defined: (data) => resourceDefined.of({ data }),
  deleted: (key) => resourceDeleted.of({ data: { key } }),
  read: (event) => (event.type === 'resource.defined' ? event.data : undefined),
})

export type RoleEvent = EventOf<typeof roleDefined> | EventOf<typeof roleDeleted>
export type RoleDefinition = EventOf<typeof roleDefined>['data']
export const role = definitionDecider<RoleDefinition, RoleEvent>({
  noun: 'role',
  defined: (data) => roleDefined.of({ data }),
  deleted: (key) => roleDeleted.of({ data: { key } }),
  read: (event) => (event.type === 'role.defined' ? event.data : undefined),
})

export type PolicyEvent = EventOf<typeof policySet> | EventOf<typeof policyDeleted>
export type PolicyDefinition = EventOf<typeof policySet>['data']
export const policy = definitionDecider<PolicyDefinition, PolicyEvent>({
  noun: 'policy',
  defined: (data) => policySet.of({ data: data as never }),
  deleted: (key) => policyDeleted.of({ data: { key } }),
  read: (event) => (event.type === 'policy.set' ? event.data : undefined),
})
