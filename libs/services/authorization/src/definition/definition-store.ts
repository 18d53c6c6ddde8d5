/** What the three controllers of definitions have in common. */
import { orThrow, RefusalError, type DomainEvent } from '@pavan/kernel'
import type { AnyEventType } from '@pavan/contracts'
import type { Aggregate, Aggregates } from '@pavan/platform/events/aggregates.js'
import type { CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { answerEtag } from '@pavan/platform/http/etag.js'
import type { Page, Rows, TableDefinition } from '@pavan/platform/views/rows.js'
import type { FastifyReply } from 'fastify'
import type { Decider } from '@pavan/kernel'
import { actingFor } from '../acting.js'
import type { DefinitionCommand, DefinitionState } from './definition.decider.js'
import type { DefinitionRow } from './definitions.view.js'

export interface DefinitionRequest {
  readonly caller: CallerIdentity
  readonly key: string
  readonly command: CommandEnvelope
  readonly reply: FastifyReply
  /** Version that the caller has seen. */
  readonly expected?: number
}

export class DefinitionStore<D extends { readonly key: string }, E extends DomainEvent> {
  readonly aggregate: Aggregate<DefinitionCommand<D>, E, DefinitionState<D>>
  readonly #noun: string

  constructor(
    aggregates: Aggregates,
    decider: Decider<DefinitionCommand<D>, E, DefinitionState<D>>,
    events: readonly AnyEventType[],
    private readonly rows: Rows,
    private readonly table: TableDefinition<DefinitionRow<D>>,
  ) {
    this.#noun = decider.category
    this.aggregate = aggregates.of(decider, { events })
  }

  async change(request: DefinitionRequest, change: DefinitionCommand<D>): Promise<void> {
    const context = { ...actingFor(request.caller, request.command), id: request.key }
    const handled = orThrow(await this.aggregate.handle(context, change, { expected: request.expected }))
    answerPosition(request.reply, handled.position)
  }

  async read(tenant: string, key: string, reply: FastifyReply): Promise<D & { createdAt: number; version: number }> {
    const { state, version } = await this.aggregate.load(tenant, key)
    if (!state.definition) throw new RefusalError(`authorization.${this.#noun}.not-found`)
    answerEtag(reply, version)
    return { ...state.definition, createdAt: state.createdAt, version }
  }

  async exists(tenant: string, key: string): Promise<boolean> {
    return (await this.aggregate.load(tenant, key)).state.definition !== undefined
  }

  list(tenant: string, query: { limit: number; cursor?: string }): Promise<Page<DefinitionRow<D>>> {
    return this.rows.find(this.table, { index: 'byTenant', where: { tenant } as never, ...query })
  }
}
