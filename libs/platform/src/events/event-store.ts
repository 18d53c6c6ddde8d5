/** The port of the event store: what an adapter must do, and the promises that its contract suite checks. */
import type { ClaimChange, EventMeta, Position, StreamId } from '@pavan/kernel'

/** An event as it lies in a store and travels on the bus: its personal parts are ciphertext (see privacy/event-cipher.ts). */
export interface StoredEvent {
  readonly id: string
  readonly type: string
  readonly schema: number
  readonly context: string
  readonly stream: StreamId
  /** Place in its stream, from 1 without gaps. */
  readonly version: number
  readonly position: Position
  readonly subject?: string
  readonly at: number
  readonly data: unknown
  /** Ciphertext of `DomainEvent.personal`. */
  readonly personal?: string
  /** Ciphertext of `DomainEvent.secret`. The relay takes it off. */
  readonly secret?: string
  /** Ciphertext of `EventMeta.origin`. */
  readonly origin?: string
  readonly meta: Omit<EventMeta, 'origin'>
}

/** What a writer hands in: the store adds stream, version, position and context. */
export type NewEvent = Omit<StoredEvent, 'context' | 'stream' | 'version' | 'position'>

export interface AppendOptions {
  /** The exact version of the stream that the decision was made on; 0 says that the stream must not exist. */
  readonly expected: number
  /** Unique values that the commit takes or gives back; they succeed or fail with the events. */
  readonly claims?: readonly ClaimChange[]
  /** A commit with a command id that the stream has seen is not written again: the first result is answered. */
  readonly commandId?: string
  /** Nobody waits for these events, nor asks for their position: they may be numbered and published a moment later, together with others. */
  readonly unhurried?: boolean
}

export interface AppendResult {
  /** Version of the stream after the commit. */
  readonly version: number
  /** Position of the last event of the commit. May be missing after an unhurried append, whose events get theirs a moment later. */
  readonly position?: Position
  /** The command id was seen before; nothing was written now. */
  readonly repeated: boolean
}

/** Another commit came first. Load and decide again. */
export class VersionConflict extends Error {
  constructor(
    readonly expected: number,
    readonly actual: number,
  ) {
    super(`expected version ${expected}, the stream is at ${actual}`)
    this.name = 'VersionConflict'
  }
}

/** Another stream of the tenant holds the value. The value itself is not in the message: it may be personal. */
export class ClaimTaken extends Error {
  constructor(readonly claim: string) {
    super(`the ${claim} is taken`)
    this.name = 'ClaimTaken'
  }
}

/** `VersionConflict` and `ClaimTaken` are the only errors that a domain sees; driver errors never cross. */
export abstract class EventStore {
  /** Writes one commit of 1 to 1,000 events. When it resolves, the commit survives power loss. */
  abstract append(stream: StreamId, events: readonly NewEvent[], options: AppendOptions): Promise<AppendResult>
  /** Events of one stream, in order, from the version given (1 by default). An unknown stream has none. */
  abstract read(stream: StreamId, from?: number): Promise<readonly StoredEvent[]>
  /**
   * Events of this context in the partition of a position, after it, in order. Who saw position n never later finds something before n. Fewer than the limit may
   * leave out what another copy has stored in this moment; none says that there was nothing.
   */
  abstract readAll(after: Position, limit: number): Promise<readonly StoredEvent[]>
  /** The stream that holds a value now; exact, never lagging. */
  abstract claimOwner(tenant: string, name: string, value: string): Promise<StreamId | undefined>
  /** The last position of each partition that this copy of the service publishes now. A partition belongs to one copy, or for moments to none. */
  abstract owned(): readonly Position[]
  /**
   * Calls back soon after commits and after another partition is owned. A hint, never a delivery: it may come late, twice or not at all. `hurry` is false where
   * all of it was appended as unhurried. Returns how to stop.
   */
  abstract onAppend(wake: (hurry?: boolean) => void): () => void
}
