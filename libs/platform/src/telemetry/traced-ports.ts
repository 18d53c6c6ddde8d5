/** The event store and the bus with a span for each commit and each published event. Used only while tracing is on. */
import type { Position, StreamId } from '@pavan/kernel'
import { Bus, type Subscription } from '../bus/bus.js'
import { EventStore, type AppendOptions, type AppendResult, type NewEvent, type StoredEvent } from '../events/event-store.js'
import { messageAttributes, spanOfEvent } from './event-spans.js'
import { tracing } from './tracing.js'

export class TracedStore extends EventStore {
  constructor(
    private readonly store: EventStore,
    /** Name of the service, which is the context of its events. */
    private readonly context: string,
  ) {
    super()
  }

  /** The events carry the span of their commit on, so that what they cause hangs below it. */
  async append(stream: StreamId, events: readonly NewEvent[], options: AppendOptions): Promise<AppendResult> {
    const given = events[0]?.meta.traceparent
    const span = tracing.source?.start({
      name: `append ${stream.category}`,
      kind: 'client',
      ...(given === undefined ? {} : { within: given }),
      attributes: {
        'db.system.name': 'pavan',
        'db.namespace': this.context,
        'db.collection.name': stream.category,
        'db.operation.name': 'append',
        ...(events.length > 1 ? { 'db.operation.batch.size': events.length } : {}),
        'pavan.event.types': events.map(({ type }) => type),
        'pavan.tenant': stream.tenant,
      },
    })
    if (!span) return this.store.append(stream, events, options)
    const carrying = events.map((event) => ({ ...event, meta: { ...event.meta, traceparent: span.traceparent } }))
    try {
      const result = await this.store.append(stream, carrying, options)
      span.set({ 'pavan.event.repeated': result.repeated })
      span.end()
      return result
    } catch (error) {
      span.end(error)
      throw error
    }
  }

  read(stream: StreamId, from?: number): Promise<readonly StoredEvent[]> {
    return this.store.read(stream, from)
  }

  readAll(after: Position, limit: number): Promise<readonly StoredEvent[]> {
    return this.store.readAll(after, limit)
  }

  claimOwner(tenant: string, name: string, value: string): Promise<StreamId | undefined> {
    return this.store.claimOwner(tenant, name, value)
  }

  owned(): readonly Position[] {
    return this.store.owned()
  }

  onAppend(wake: (hurry?: boolean) => void): () => void {
    return this.store.onAppend(wake)
  }
}

export class TracedBus extends Bus {
  override readonly pace: number
  override readonly unhurriedPace: number

  constructor(private readonly bus: Bus) {
    super()
    this.pace = bus.pace
    this.unhurriedPace = bus.unhurriedPace
  }

  async publish(events: readonly StoredEvent[]): Promise<void> {
    const spans = events.map((event) => spanOfEvent(event, 'publish', 'producer', messageAttributes(event, 'send', events.length)))
    try {
      await this.bus.publish(events)
      for (const span of spans) span?.end()
    } catch (error) {
      for (const span of spans) span?.end(error)
      throw error
    }
  }

  subscribe(subscription: Subscription): Promise<() => Promise<void>> {
    return this.bus.subscribe(subscription)
  }

  heads(context: string): Promise<readonly Position[]> {
    return this.bus.heads(context)
  }
}
