/** The port of the bus: at least once, in order per stream, groups independent of each other. */
import type { Position } from '@pavan/kernel'
import type { StoredEvent } from '../events/event-store.js'

/** Events of one context and one partition, in order of their sequence numbers. */
export interface BusBatch {
  readonly context: string
  readonly p: number
  readonly events: readonly StoredEvent[]
  /** Last sequence number that the group was handed over and has resolved before, where the bus keeps that itself. */
  readonly after?: number
}

/**
 * Rejects a batch whose group has done less than what it resolved: its storage has fallen back to an earlier state, or another copy has moved its place meanwhile and not as
 * far. A bus that says `after` begins again behind `done`.
 */
export class FallenBehind extends Error {
  constructor(
    /** Last sequence number that is done. */
    readonly done: number,
    { context, p, after }: BusBatch,
  ) {
    super(`${context}:${p}: events were done up to ${after}, and what is stored ends with ${done}`)
  }
}

export interface Subscription {
  /** Consumers with the same group share the work; every group gets every event. */
  readonly group: string
  /** Contexts (topics) to listen to: `identity`, `admin`. */
  readonly contexts: readonly string[]
  /** A rejected batch comes again, to this group only; after `FallenBehind` with what is missing before it. The next batch of a partition waits until this one resolves. */
  handle(batch: BusBatch): Promise<void>
  /**
   * Asked before `handle` where `from` is given: whether nothing in the batch is the group's business, and it has noted that it is past it.
   * Most events are the business of few groups, and this costs no promise.
   */
  pass?(batch: BusBatch): boolean
  /**
   * Whether an event is the group's business. What is not may come up to a second later than it could, together with what comes after it:
   * the group only notes that it is past it.
   */
  concerns?(event: StoredEvent): boolean
  /**
   * Last sequence number that the group needs no more, by context and partition; the bus starts after it.
   * Without it the bus starts after what the group last resolved, or at the beginning of history.
   */
  from?(context: string, p: number): Promise<number | undefined>
  /**
   * Milliseconds from the beginning of a batch to the beginning of the next one of its partition, at least: what comes meanwhile comes together.
   * For consumers to whom a batch costs more than its events. A bus that makes its batches elsewhere need not obey.
   */
  readonly interval?: number
  /** Events that the group takes at once, asked before each batch. A bus that makes its batches elsewhere need not obey. */
  atOnce?(): number
  /** A group that the bus does not know yet begins with what is published from now on, instead of at the beginning of history. */
  readonly fromNow?: boolean
}

export abstract class Bus {
  /** Milliseconds between two publications that are worth keeping, where one costs more than its events. */
  readonly pace: number = 0
  /** The same where nobody waits for the events. */
  readonly unhurriedPace: number = 0
  /** Resolves when the records are as durable as the bus keeps them. Publishing the same (context, p, seq) again is harmless. */
  abstract publish(events: readonly StoredEvent[]): Promise<void>
  /** Resolves when the subscription is active; the result stops it after the running batch. */
  abstract subscribe(subscription: Subscription): Promise<() => Promise<void>>
  /** The last published position of each partition of a context that has records. */
  abstract heads(context: string): Promise<readonly Position[]>
}

/** An event as it may travel: what only its own service may read stays in the store. */
export const withoutSecret = (event: StoredEvent): StoredEvent => {
  if (event.secret === undefined) return event
  const { secret: _secret, ...open } = event
  return open
}
