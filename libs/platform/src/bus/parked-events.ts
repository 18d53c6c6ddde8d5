/** Events that a consumer could not process, and those of the same streams behind them, in order. */
import { defineTable } from '../views/rows.js'
import type { StoredEvent } from '../events/event-store.js'

export interface ParkedEvent {
  readonly consumer: string
  /** `context/tenant/category/id`: ids only, nothing personal. */
  readonly stream: string
  readonly seq: number
  readonly type: string
  /** The stored event as JSON; its personal parts are ciphertext. */
  readonly event: string
  /** Empty for events that only wait behind the failed one. */
  readonly error: string
  readonly parkedAt: number
  readonly attempts: number
}

export const parkedEvents = defineTable<ParkedEvent>({
  name: 'parked-events',
  version: 1,
  durability: 'rebuildable',
  indexes: { byStream: ['consumer', 'stream', 'seq'] },
})

export const parkedKey = (consumer: string, event: StoredEvent): string =>
  `${consumer}/${event.context}/${String(event.position.p).padStart(4, '0')}/${String(event.position.seq).padStart(15, '0')}`
