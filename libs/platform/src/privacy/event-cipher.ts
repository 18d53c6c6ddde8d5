/** Seals the personal and secret parts of events before they are stored, and opens them for those who may read. */
import type { DomainEvent, Origin, RecordedEvent, StreamId } from '@pavan/kernel'
import { streamName } from '@pavan/kernel'
import type { NewEvent, StoredEvent } from '../events/event-store.js'
import type { KeyRing } from './key-ring.js'

export type Part = 'personal' | 'secret' | 'origin'

const allParts: readonly Part[] = ['personal', 'secret', 'origin']

/** The event id is made for one commit of one stream and never reused, so a ciphertext cannot be moved to another place. */
const place = (stream: StreamId, id: string, part: Part): string => `event/${streamName(stream)}/${id}/${part}`

/**
 * Where somebody is stays the same for many events, so it is bound to them and not to each event; base64 has no dot. What an event says is
 * guarded by the audit log, which has this text in its hash. Older events have it bound to the event.
 */
const shared = 'o.'
const originPlace = (tenant: string, actor: string): string => `origin/${tenant}/${actor}`

/** Address and device belong to the person who acted, who need not be the person whom the event is about. */
const keyFor = (part: Part, event: Pick<NewEvent, 'subject' | 'meta'>, tenant: string): string => {
  const { actor } = event.meta
  return part === 'origin' && actor.type === 'user' ? actor.id : (event.subject ?? tenant)
}

const isPromise = (value: unknown): boolean => value instanceof Promise

export class EventCipher {
  constructor(private readonly keys: KeyRing) {}

  /** The event as it is stored. `subject` says whose key is used; without one it is the tenant's. */
  async seal(
    stream: StreamId,
    event: Omit<NewEvent, Part | 'meta'> & { readonly personal?: unknown; readonly secret?: unknown; readonly meta: RecordedEvent['meta'] },
  ): Promise<NewEvent> {
    const { origin, ...meta } = event.meta
    const parts = [
      this.#seal('personal', event.personal, stream, event),
      this.#seal('secret', event.secret, stream, event),
      origin && this.#sealOrigin(origin, stream.tenant, keyFor('origin', event, stream.tenant)),
    ]
    // Keys that are open need no waiting.
    const [personal, secret, sealedOrigin] = (parts.some(isPromise) ? await Promise.all(parts) : parts) as (string | undefined)[]
    return { ...event, meta, personal, secret, origin: sealedOrigin }
  }

  #sealOrigin(origin: Origin, tenant: string, actor: string): string | Promise<string> {
    const text = this.keys.sealRepeated(tenant, actor, originPlace(tenant, actor), origin)
    return typeof text === 'string' ? shared + text : text.then((later) => shared + later)
  }

  #seal(part: Part, value: unknown, stream: StreamId, event: Pick<NewEvent, 'id' | 'subject' | 'meta'>): string | undefined | Promise<string> {
    if (value === undefined) return undefined
    const { tenant } = stream
    const subject = keyFor(part, event, tenant)
    const at = place(stream, event.id, part)
    return this.keys.sealNow(tenant, subject, at, value) ?? this.keys.seal(tenant, subject, at, value)
  }

  /** The event as a view sees it: with the parts that are wanted, all by default. What was sealed under a destroyed key is `undefined`. */
  async open<E extends DomainEvent = DomainEvent>(event: StoredEvent, wanted: readonly Part[] = allParts): Promise<RecordedEvent<E>> {
    if (event.personal === undefined && event.secret === undefined && event.origin === undefined) return event as RecordedEvent<E>
    const { tenant } = event.stream
    const open = (part: Part, value: string | undefined) => {
      if (value === undefined || !wanted.includes(part)) return undefined
      const subject = keyFor(part, event, tenant)
      if (part === 'origin' && value.startsWith(shared)) return this.keys.open(tenant, subject, originPlace(tenant, subject), value.slice(shared.length))
      return this.keys.open(tenant, subject, place(event.stream, event.id, part), value)
    }
    const [personal, secret, origin] = await Promise.all([open('personal', event.personal), open('secret', event.secret), open('origin', event.origin)])
    return { ...event, personal, secret, meta: { ...event.meta, origin: origin as Origin | undefined } } as RecordedEvent<E>
  }
}
