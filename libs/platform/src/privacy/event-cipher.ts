/** Seals the personal and secret parts of events before they are stored, and opens them for those who may read. */
import type { DomainEvent, Origin, RecordedEvent, StreamId } from '@pavan/kernel'
import { streamName } from '@pavan/kernel'
import type { NewEvent, StoredEvent } from '../events/event-store.js'
import type { KeyRing } from './key-ring.js'

type Part = 'personal' | 'secret' | 'origin'

/** The event id is made for one commit of one stream and never reused, so a ciphertext cannot be moved to another place. */
const place = (stream: StreamId, id: string, part: Part): string => `event/${streamName(stream)}/${id}/${part}`

/** Address and device belong to the person who acted, who need not be the person whom the event is about. */
const keyFor = (part: Part, event: Pick<NewEvent, 'subject' | 'meta'>, tenant: string): string => {
  const { actor } = event.meta
  return part === 'origin' && actor.type === 'user' ? actor.id : (event.subject ?? tenant)
}

export class EventCipher {
  constructor(private readonly keys: KeyRing) {}

  /** The event as it is stored. `subject` says whose key is used; without one it is the tenant's. */
  async seal(
    stream: StreamId,
    event: Omit<NewEvent, Part | 'meta'> & { readonly personal?: unknown; readonly secret?: unknown; readonly meta: RecordedEvent['meta'] },
  ): Promise<NewEvent> {
    const { origin, ...meta } = event.meta
    const { personal, secret, ...open } = event
    const seal = (part: Part, value: unknown) =>
      value === undefined ? undefined : this.keys.seal(stream.tenant, keyFor(part, event, stream.tenant), place(stream, event.id, part), value)
    const [sealedPersonal, sealedSecret, sealedOrigin] = await Promise.all([seal('personal', personal), seal('secret', secret), seal('origin', origin)])
    return { ...open, meta, personal: sealedPersonal, secret: sealedSecret, origin: sealedOrigin }
  }

  /** The event as a decider or a view sees it. What was sealed under a destroyed key is `undefined`. */
  async open<E extends DomainEvent = DomainEvent>(event: StoredEvent): Promise<RecordedEvent<E>> {
    if (event.personal === undefined && event.secret === undefined && event.origin === undefined) return event as RecordedEvent<E>
    const { tenant } = event.stream
    const open = (part: Part, value: string | undefined) =>
      value === undefined ? undefined : this.keys.open(tenant, keyFor(part, event, tenant), place(event.stream, event.id, part), value)
    const [personal, secret, origin] = await Promise.all([open('personal', event.personal), open('secret', event.secret), open('origin', event.origin)])
    return { ...event, personal, secret, meta: { ...event.meta, origin: origin as Origin | undefined } } as RecordedEvent<E>
  }
}
