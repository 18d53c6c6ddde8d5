/** Load, decide, append, and again when somebody else was faster. The only way in which a service writes events. */
import { claimsOf, isRefusal, refuse, type Clock, type Decider, type DomainEvent, type EventMeta, type Refusal, type StreamId } from '@pavan/kernel'
import type { AnyEventType } from '@pavan/contracts'
import type { EventCipher, Part } from '../privacy/event-cipher.js'
import { SubjectErased } from '../privacy/key-ring.js'
import type { Ids } from '../service/ids.js'
import { metrics } from '../telemetry/metrics.js'
import { ClaimTaken, VersionConflict, type EventStore, type NewEvent, type StoredEvent } from './event-store.js'
import { positionToken, type PositionToken } from './position-token.js'
import { upcast } from './upcasters.js'

export interface CommandContext {
  readonly tenant: string
  /** Id of the aggregate. */
  readonly id: string
  readonly meta: EventMeta
  /** The person under whose key `personal` and `secret` are encrypted; the tenant's key by default. */
  readonly subject?: string
  /** Milliseconds since 1970, for history that is imported; now by default. */
  readonly at?: number
}

export interface Handled<E extends DomainEvent, S> {
  readonly state: S
  readonly version: number
  /** Of unhurried events it may be one that everything has passed: nobody is to wait for them. */
  readonly position: PositionToken
  /** What was written now; empty when nothing had to happen. */
  readonly events: readonly E[]
  /** The command had been applied before. */
  readonly repeated: boolean
}

export interface AggregateOptions {
  /** Every event type that the decider may return. */
  readonly events: readonly AnyEventType[]
  /** Claim name → problem code, for a value that another stream holds. */
  readonly claimTaken?: Readonly<Record<string, string>>
}

const attempts = 8
const passed = { p: 0, seq: 0 }

/** What a decision may rest on. Where a command came from is for the audit log. */
const decisive: readonly Part[] = ['personal', 'secret']

const appendSeconds = metrics.histogram('pavan_append_seconds', {
  description: 'Time from handing a commit to the store until it is durable.',
  unit: 's',
  labels: ['service'],
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
})
const conflicts = metrics.counter('pavan_append_conflicts_total', {
  description: 'Commits that came second and were decided again.',
  unit: '{commit}',
  labels: ['service'],
})

export class Aggregates {
  constructor(
    /** Name of the service, which is the context of its events. */
    private readonly context: string,
    private readonly store: EventStore,
    private readonly cipher: EventCipher,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  of<C, E extends DomainEvent, S>(decider: Decider<C, E, S>, options: AggregateOptions): Aggregate<C, E, S> {
    return new Aggregate(decider, options, this.context, this.store, this.cipher, this.clock, this.ids)
  }
}

export class Aggregate<C, E extends DomainEvent, S> {
  readonly #types: ReadonlyMap<string, AnyEventType>

  constructor(
    private readonly decider: Decider<C, E, S>,
    private readonly options: AggregateOptions,
    private readonly context: string,
    private readonly store: EventStore,
    private readonly cipher: EventCipher,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {
    this.#types = new Map(options.events.map((type) => [type.type, type]))
  }

  /** The present state; version 0 where the aggregate does not exist. */
  async load(tenant: string, id: string): Promise<{ state: S; version: number }> {
    const { state, version } = await this.#read(tenant, id)
    return { state, version }
  }

  /** The state as far as the open parts of the events say it: whether and how far something has come, but nothing personal or secret. */
  async loadOpen(tenant: string, id: string): Promise<{ state: S; version: number }> {
    const { state, version } = await this.#read(tenant, id, [])
    return { state, version }
  }

  async #read(tenant: string, id: string, parts = decisive): Promise<{ state: S; version: number; stored: readonly StoredEvent[] }> {
    const stored = await this.store.read(this.#stream(tenant, id))
    let state = this.decider.initial
    for (const event of stored) state = this.decider.evolve(state, (await this.cipher.open<E>(upcast(event), parts)) as unknown as E)
    return { state, version: stored.length, stored }
  }

  /** Id of the aggregate that holds a unique value now. Exact, never lagging. */
  async owner(tenant: string, claim: string, value: string): Promise<string | undefined> {
    return (await this.store.claimOwner(tenant, claim, value))?.id
  }

  /**
   * Applies a command. With `expected`, the version that the caller has seen, another version is refused (`request.version.conflict`).
   * A command id that was applied before gives its first result.
   */
  async handle(context: CommandContext, command: C, options: { readonly expected?: number } = {}): Promise<Handled<E, S> | Refusal> {
    for (let attempt = 1; ; attempt++) {
      const { state, version, stored } = await this.#read(context.tenant, context.id)
      const position = (event: StoredEvent | undefined) => positionToken(this.context, event?.position ?? passed)
      const known = context.meta.commandId && stored.findLast((event) => event.meta.commandId === context.meta.commandId)
      if (known) return { state, version, position: position(known), events: [], repeated: true }
      if (options.expected !== undefined && options.expected !== version) return refuse('request.version.conflict')
      const decision = this.decider.decide(command, state)
      if (isRefusal(decision)) return decision
      if (decision.length === 0) return { state, version, position: position(stored.at(-1)), events: [], repeated: false }
      try {
        return await this.#commit(context, decision, state, version)
      } catch (error) {
        if (error instanceof ClaimTaken) return this.#claimRefusal(error)
        if (error instanceof SubjectErased) return refuse('request.subject.erased')
        if (!(error instanceof VersionConflict)) throw error
        conflicts.add(1, { service: this.context })
        if (options.expected !== undefined) return refuse('request.version.conflict')
        if (attempt === attempts) return refuse('request.conflict.busy')
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5 * attempt))
      }
    }
  }

  /**
   * Writes facts into a new stream without loading or deciding: something that happened once, such as a failed sign-in. `beside` is called once
   * the events are handed over and must have succeeded, too; for rows that are never there without them (`Rows.afterEvents`).
   */
  append(context: CommandContext, events: readonly E[], beside?: () => Promise<unknown>): Promise<Handled<E, S>> {
    return this.#commit(context, events, this.decider.initial, 0, beside)
  }

  async #commit(context: CommandContext, events: readonly E[], before: S, version: number, beside?: () => Promise<unknown>): Promise<Handled<E, S>> {
    const stream = this.#stream(context.tenant, context.id)
    const sealed: NewEvent[] = []
    for (const event of events) sealed.push(await this.cipher.seal(stream, this.#checked(event, context)))
    const started = performance.now()
    const appending = this.store.append(stream, sealed, {
      expected: version,
      claims: claimsOf(this.decider, before, events),
      commandId: context.meta.commandId,
      unhurried: events.every(({ type }) => this.#types.get(type)?.unhurried),
    })
    const [result] = beside ? await Promise.all([appending, beside()]) : [await appending]
    appendSeconds.record((performance.now() - started) / 1000, { service: this.context })
    let state = before
    if (!result.repeated) for (const event of events) state = this.decider.evolve(state, event)
    else state = (await this.load(context.tenant, context.id)).state
    return {
      state,
      version: result.version,
      position: positionToken(this.context, result.position ?? passed),
      events: result.repeated ? [] : events,
      repeated: result.repeated,
    }
  }

  /** Throws when a decider returned something that its contract does not allow: a programming error that must not be stored. */
  #checked(event: E, context: CommandContext): Parameters<EventCipher['seal']>[1] {
    const type = this.#types.get(event.type)
    if (!type) throw new TypeError(`${this.decider.category} does not declare the event ${event.type}`)
    return {
      id: this.ids.make('event'),
      type: event.type,
      schema: type.schema,
      subject: context.subject,
      at: context.at ?? this.clock.now(),
      data: type.data.parse(event.data),
      personal: event.personal === undefined ? undefined : type.personal?.parse(event.personal),
      secret: event.secret === undefined ? undefined : type.secret?.parse(event.secret),
      meta: context.meta,
    }
  }

  #claimRefusal(error: ClaimTaken): Refusal {
    const code = this.options.claimTaken?.[error.claim]
    if (!code) throw error
    return refuse(code)
  }

  #stream(tenant: string, id: string): StreamId {
    return { tenant, category: this.decider.category, id }
  }
}
