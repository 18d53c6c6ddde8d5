import { Inject, Injectable } from '@nestjs/common'
import { policyDeleted, policySet, resourceDefined, resourceDeleted, roleDefined, roleDeleted } from '@pavan/contracts'
import { orThrow, type EventMeta } from '@pavan/kernel'
import { isBuiltInRole } from '@pavan/platform/access/built-in-roles.js'
import { Aggregates } from '@pavan/platform/events/aggregates.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { DefinitionStore } from './definition-store.js'
import { policy, resource, role } from './definitions.js'
import { policies, resources, roles } from './definitions.view.js'

@Injectable()
export class DefinitionStores {
  readonly resources
  readonly roles
  readonly policies

  constructor(@Inject(Aggregates) aggregates: Aggregates, @Inject(Rows) rows: Rows) {
    this.resources = new DefinitionStore(aggregates, resource, [resourceDefined, resourceDeleted], rows, resources)
    this.roles = new DefinitionStore(aggregates, role, [roleDefined, roleDeleted], rows, roles)
    this.policies = new DefinitionStore(aggregates, policy, [policySet, policyDeleted], rows, policies)
  }

  async roleExists(tenant: string, key: string): Promise<boolean> {
    return isBuiltInRole(key) || this.roles.exists(tenant, key)
  }

  /** Takes a policy that was deleted off a role. */
  async dropPolicy(tenant: string, role: string, policy: string, meta: EventMeta): Promise<void> {
    const aggregate = this.roles.aggregate
    const { state, version } = await aggregate.load(tenant, role)
    if (!state.definition?.policies.includes(policy)) return
    const definition = { ...state.definition, policies: state.definition.policies.filter((one) => one !== policy) }
    // Somebody who changed the role meanwhile makes it a refusal, and the reaction tries again.
    orThrow(await aggregate.handle({ tenant, id: role, meta }, { type: 'revise', definition }, { expected: version }))
  }
}
