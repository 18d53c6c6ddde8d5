/**
 * What a decider returns: something that happened, in the past tense.
 * The three parts of the payload decide where it may go:
 */
export interface DomainEvent<T extends string = string, D = unknown, P = unknown, K = unknown> {
  readonly type: T
  /** Open to every service and to the bus. Never a personal value, never a secret. */
  readonly data: D
  /** Encrypted under the subject's key wherever it is stored or sent; `undefined` once the subject is erased. */
  readonly personal?: P
  /** Encrypted too, and never leaves the store of the service that wrote it: password hashes, key material. */
  readonly secret?: K
}

/** Where an event stands in its context's log: partition and dense sequence number, both from 0 and 1. */
export interface Position {
  readonly p: number
  readonly seq: number
}

/** Names one aggregate. The tenant is part of it, so equal ids of two tenants never meet. */
export interface StreamId {
  readonly tenant: string
  readonly category: string
  readonly id: string
}

/** Who or what caused the commit. No personal value here: addresses and devices are in `EventMeta.origin`. */
export interface Actor {
  readonly type: 'user' | 'client' | 'system' | 'anonymous'
  readonly id: string
}

/** Where the call came from. Personal, so it is stored encrypted like `DomainEvent.personal`. */
export interface Origin {
  readonly address?: string
  readonly device?: string
}

export interface EventMeta {
  readonly actor: Actor
  /** OAuth client through which the actor came. */
  readonly client?: string
  /** Why, in the actor's words or the rule's name; never a personal value. */
  readonly reason?: string
  /** The id under which the command is applied once, however often it is sent. */
  readonly commandId?: string
  readonly requestId?: string
  /** W3C Trace Context. */
  readonly traceparent?: string
  readonly origin?: Origin
}

/** An event as a store keeps it and a bus carries it. */
export interface RecordedEvent<E extends DomainEvent = DomainEvent> {
  readonly id: string
  readonly type: E['type']
  /** Version of the type's schema, from 1. */
  readonly schema: number
  /** The service that wrote it: `identity`, `admin`. */
  readonly context: string
  readonly stream: StreamId
  /** Place in its stream, from 1 without gaps. */
  readonly version: number
  readonly position: Position
  /** The person (or tenant) under whose key `personal`, `secret` and `meta.origin` are encrypted. */
  readonly subject?: string
  /** Milliseconds since 1970 by the writer's clock. For people; order comes from `position`. */
  readonly at: number
  readonly data: E['data']
  readonly personal?: E['personal']
  readonly secret?: E['secret']
  readonly meta: EventMeta
}

/** One string for a stream, safe as key: `ten_x/user/usr_y`. */
export const streamName = (stream: StreamId): string => `${stream.tenant}/${stream.category}/${stream.id}`

export const parseStreamName = (name: string): StreamId => {
  const [tenant = '', category = '', ...rest] = name.split('/')
  return { tenant, category, id: rest.join('/') }
}
