/** The machinery of one service above its four ports: events, keys, views, reactions, jobs. Knows nothing of HTTP. */
import { randomUUID } from 'node:crypto'
import { subjectErased } from '@pavan/contracts'
import { BusTransport, type BatchConsumer } from '../bus/bus-transport.js'
import { parkedEvents } from '../bus/parked-events.js'
import type { ReactionDefinition } from '../bus/define-reaction.js'
import { ReactionRunner } from '../bus/reaction-runner.js'
import { Aggregates } from '../events/aggregates.js'
import { Relay } from '../events/relay.js'
import { idempotencyTable } from '../http/idempotency.js'
import { signingKeysView } from '../http/signing-keys.view.js'
import { JobRunner, leases } from '../jobs/job-runner.js'
import { BlindIndex } from '../privacy/blind-index.js'
import { EventCipher } from '../privacy/event-cipher.js'
import { indexKey, serviceSecrets } from '../privacy/index-key.js'
import { ringOf, type KeyRing } from '../privacy/key-ring.js'
import { PrivateRows } from '../privacy/private-rows.js'
import { purgeReaction } from '../privacy/purge.js'
import { CountedStore } from '../telemetry/counted-store.js'
import type { Log } from '../telemetry/log.js'
import { total } from '../telemetry/lag.js'
import { consumerLabel, ServiceLag } from '../telemetry/service-lag.js'
import { TracedBus, TracedStore } from '../telemetry/traced-ports.js'
import { tracing } from '../telemetry/tracing.js'
import type { ViewDefinition } from '../views/define-view.js'
import { LiveTables, MappedRows } from '../views/live-tables.js'
import { insert } from '../views/changes.js'
import { defineTable, type Rows, type TableDefinition } from '../views/rows.js'
import { Views } from '../views/views.js'
import type { ServicePorts } from './adapters.js'
import type { PurgeRule, ServiceDefinition } from './define-service.js'
import type { Environment } from './environment.js'
import { Ids } from './ids.js'
import type { ServiceStatus } from './service-directory.js'

/** Reactions that have begun: what they have not done since then is still to be done. */
const reactionStarts = defineTable<{ readonly reaction: string }>({ name: 'reaction-starts', version: 1, durability: 'full', indexes: {} })

/** Gets what a reaction or a job asks for by Nest token. */
export type Get = (token: unknown) => unknown

/** What a consumer says of itself. */
interface Consumer {
  readonly name: string
  /** `context:p` → last sequence number that is done. */
  readonly positions?: Readonly<Record<string, number>>
  readonly pending: number
  readonly parked: readonly unknown[]
  readonly lastError?: string
}

interface Watched {
  status(): Consumer
}

/** The answers kept for repeated requests may hold personal values of whoever asked. */
const platformPurge: readonly PurgeRule[] = [{ table: idempotencyTable, index: 'byCaller', where: (tenant, user) => ({ tenant, caller: user }) }]

export class ServiceCore {
  readonly aggregates: Aggregates
  readonly ids: Ids
  readonly jobs: JobRunner
  readonly keys: KeyRing
  readonly lag: ServiceLag
  readonly log: Log
  readonly relay: Relay
  readonly rows: Rows
  readonly store: CountedStore
  readonly transport: BusTransport
  readonly views: Views
  #blindIndex: Promise<BlindIndex> | undefined
  readonly #cipher: EventCipher
  readonly #reactions: ReactionRunner[] = []
  readonly #own: Watched[] = []
  readonly #privateRows: Rows

  private constructor(
    readonly definition: ServiceDefinition,
    environment: Environment,
    readonly ports: ServicePorts,
    platformViews: readonly ViewDefinition[],
  ) {
    const { clock } = environment
    const { name } = definition
    this.log = environment.log.child({ service: name })
    this.store = new CountedStore(tracing.source ? new TracedStore(ports.store, name) : ports.store)
    this.keys = ringOf(ports.keys, environment.kek)
    this.#cipher = new EventCipher(this.keys)
    this.#privateRows = new PrivateRows(ports.rows, this.keys)
    const live = new LiveTables()
    this.rows = new MappedRows(this.#privateRows, (table) => live.of(table))
    this.ids = new Ids(clock)
    this.aggregates = new Aggregates(name, this.store, this.#cipher, clock, this.ids)
    this.transport = new BusTransport(ports.bus, name)
    const copy = randomUUID()
    const views = [...platformViews, ...(definition.views ?? [])]
    this.views = new Views(views, this.#privateRows, live, this.#cipher, this.transport, this.log, () => this.blindIndex(), copy)
    // The reaction that purges runs in one copy; the key must leave the memory of all.
    this.views.hears(subjectErased, ({ stream, data }) => this.keys.forget(stream.tenant, (data as { user: string }).user))
    this.relay = new Relay(name, this.store, tracing.source ? new TracedBus(ports.bus) : ports.bus, this.log)
    this.jobs = new JobRunner(this.rows, clock, this.log, copy)
    this.lag = new ServiceLag({
      service: name,
      heads: (context) => this.transport.heads(context),
      published: () => this.relay.progress(),
      consumers: () => this.consumers(),
    })
  }

  static async open(definition: ServiceDefinition, environment: Environment, platformViews: readonly ViewDefinition[]): Promise<ServiceCore> {
    const core = new ServiceCore(definition, environment, await environment.adapters.portsFor(definition.name), [signingKeysView, ...platformViews])
    await core.ports.rows.open([
      parkedEvents,
      leases,
      idempotencyTable,
      serviceSecrets,
      reactionStarts,
      ...(definition.tables ?? []),
    ] as unknown as TableDefinition<never>[])
    return core
  }

  blindIndex(): Promise<BlindIndex> {
    this.#blindIndex ??= indexKey(this.rows, this.keys).then((key) => new BlindIndex(key))
    return this.#blindIndex
  }

  async startReactions(get: Get): Promise<void> {
    const purge = purgeReaction(this.definition.name, [...platformPurge, ...(this.definition.purge ?? [])])
    const start = async (reaction: ReactionDefinition): Promise<void> => {
      const runner = new ReactionRunner(reaction.name, reaction.with(...reaction.inject.map(get)), this.rows, this.#cipher, this.log)
      this.#reactions.push(runner)
      if (reaction.fromNow) await this.#skipHistory(runner)
      await runner.open()
      await this.transport.consume(runner)
    }
    await Promise.all([...(this.definition.reactions ?? []), purge].map(start))
  }

  /** A reaction that is new does not do again what happened before it existed. */
  async #skipHistory(runner: ReactionRunner): Promise<void> {
    if (await this.rows.get(reactionStarts, runner.name)) return
    for (const context of runner.contexts) {
      for (const { p, seq } of await this.transport.heads(context)) {
        const from = await this.rows.checkpoint(runner.name, context, p, 'rebuildable')
        if (from === 0) await this.rows.apply([], { consumer: runner.name, context, p, from, to: seq, durability: 'rebuildable' })
      }
    }
    await this.rows.apply([insert(reactionStarts, runner.name, { reaction: runner.name })])
  }

  startJobs(get: Get): void {
    for (const job of this.definition.jobs ?? []) this.jobs.start(job.name, job.everyMs, job.with(...job.inject.map(get)))
  }

  /** Views and reactions alike. */
  consumers(): readonly Consumer[] {
    return [...this.views.status(), ...[...this.#reactions, ...this.#own].map((runner) => runner.status())]
  }

  /** How far relay, views and reactions are, and what went wrong last. */
  async standing(): Promise<Pick<ServiceStatus, 'relay' | 'consumers' | 'lastError'>> {
    const lag = await this.lag.measure()
    const consumers = this.consumers().map((one) => {
      const own = lag.consumers.filter(({ consumer, events }) => events > 0 && consumer === consumerLabel(one.name))
      const behind = Object.fromEntries(own.map(({ context, partition, events, seconds }) => [`${context}:${partition}`, { events, seconds }]))
      return { ...one, lag: total(own), behind }
    })
    const { lastError: relayError } = this.relay
    const lastError = relayError ?? consumers.find((consumer) => consumer.lastError !== undefined)?.lastError
    return {
      relay: { ...total(lag.relay), ...(relayError === undefined ? {} : { lastError: relayError }) },
      consumers,
      ...(lastError === undefined ? {} : { lastError }),
    }
  }

  /** Runs a consumer of the service's own making; it is shown beside views and reactions. */
  async consume(consumer: BatchConsumer & Watched): Promise<void> {
    this.#own.push(consumer)
    await this.transport.consume(consumer)
  }

  /** By its own name, or as `consumers()` shows it: `reaction:copy-notes`. */
  reaction(name: string): ReactionRunner | undefined {
    return this.#reactions.find((runner) => runner.reaction === name || runner.name === name)
  }

  /** Finishes what is running and takes nothing new. */
  async close(): Promise<void> {
    this.lag.close()
    await this.jobs.close()
    this.views.leave()
    await this.transport.close()
    await Promise.all([this.views.close(), ...this.#reactions.map((runner) => runner.close())])
    await this.relay.close()
  }
}
