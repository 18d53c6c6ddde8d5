/** Gives roles to subjects and takes them away, each in the stream where its rule can be decided. */
import { Inject, Injectable } from '@nestjs/common'
import { roleAssigned, roleUnassigned } from '@pavan/contracts'
import { isRefusal, type EventMeta, type Refusal } from '@pavan/kernel'
import { Aggregates, type CommandContext } from '@pavan/platform/events/aggregates.js'
import type { PositionToken } from '@pavan/platform/events/position-token.js'
import { administratorRole, administrators } from './administrators.decider.js'
import { assignment } from './assignment.decider.js'
import type { Grant } from './grant.js'

/** Who acts for which tenant. */
export interface Acting {
  readonly tenant: string
  readonly meta: EventMeta
}

const events = [roleAssigned, roleUnassigned]
const inAdministrators = (grant: Grant): boolean => grant.role === administratorRole && grant.organization === undefined

@Injectable()
export class Assignments {
  readonly #assignments
  readonly #administrators

  constructor(@Inject(Aggregates) aggregates: Aggregates) {
    this.#assignments = aggregates.of(assignment, { events })
    this.#administrators = aggregates.of(administrators, { events })
  }

  assign(acting: Acting, assignee: string, grants: readonly Grant[]): Promise<PositionToken | Refusal> {
    return this.#both(acting, grants, {
      administrator: (context) => this.#administrators.handle(context, { type: 'appoint', assignee }),
      others: (context, others) => this.#assignments.handle(context, { type: 'assign', assignee, grants: others }),
      assignee,
    })
  }

  unassign(acting: Acting, assignee: string, grants: readonly Grant[]): Promise<PositionToken | Refusal> {
    return this.#both(acting, grants, {
      administrator: (context) => this.#administrators.handle(context, { type: 'dismiss', assignee }),
      others: (context, others) => this.#assignments.handle(context, { type: 'unassign', assignee, grants: others }),
      assignee,
    })
  }

  /** Takes every role from a subject that is gone. */
  async strip(acting: Acting, assignee: string): Promise<void> {
    await this.#administrators.handle({ ...acting, id: administratorRole }, { type: 'strip', assignee })
    await this.#assignments.handle({ ...acting, id: assignee }, { type: 'strip', assignee })
  }

  /** When the subject got the role, milliseconds since 1970; `undefined` when it has not. */
  async since(tenant: string, assignee: string, grant: Grant): Promise<number | undefined> {
    if (inAdministrators(grant)) return (await this.#administrators.load(tenant, administratorRole)).state.get(assignee)
    const { state } = await this.#assignments.load(tenant, assignee)
    return [...state.values()].find((one) => one.grant.role === grant.role && one.grant.organization === grant.organization)?.at
  }

  async #both(acting: Acting, grants: readonly Grant[], run: Run): Promise<PositionToken | Refusal> {
    let position: PositionToken | Refusal = 'authorization:0:0'
    if (grants.some(inAdministrators)) {
      const handled = await run.administrator({ ...acting, id: administratorRole })
      if (isRefusal(handled)) return handled
      position = handled.position
    }
    const others = grants.filter((grant) => !inAdministrators(grant))
    if (others.length === 0) return position
    const handled = await run.others({ ...acting, id: run.assignee }, others)
    return isRefusal(handled) ? handled : handled.position
  }
}

type Outcome = Promise<{ readonly position: PositionToken } | Refusal>

interface Run {
  readonly assignee: string
  readonly administrator: (context: CommandContext) => Outcome
  readonly others: (context: CommandContext, grants: readonly Grant[]) => Outcome
}
