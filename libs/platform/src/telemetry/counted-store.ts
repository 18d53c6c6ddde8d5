/** Counts what is written, by type of event: sign-ins by outcome, tokens, registrations. */
import { EventStore, type AppendOptions, type AppendResult, type NewEvent, type StoredEvent } from '../events/event-store.js'
import type { Position, StreamId } from '@pavan/kernel'
import { metrics } from './metrics.js'

const events = metrics.counter('pavan_events_total', {
  description: 'Events written, by type; failed sign-ins also by reason.',
  unit: '{event}',
  labels: ['type', 'reason'],
})

export class CountedStore extends EventStore {
  constructor(private readonly store: EventStore) {
    super()
  }

  async append(stream: StreamId, added: readonly NewEvent[], options: AppendOptions): Promise<AppendResult> {
    const result = await this.store.append(stream, added, options)
    if (!result.repeated) {
      for (const { type, data } of added) {
        const { reason } = data as { reason?: unknown }
        events.add(1, typeof reason === 'string' && /^[a-z-]{1,40}$/.test(reason) ? { type, reason } : { type })
      }
    }
    return result
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
