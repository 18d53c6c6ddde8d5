/** A reaction: what a service does, at least once, because something happened. */
import type { EventMeta, RecordedEvent } from '@pavan/kernel'
import type { EventHandler } from '../views/define-view.js'

/** What a reaction's commands carry, so that repeating the reaction changes nothing. */
export interface ReactionCommand {
  /** The same for every delivery of the event to this reaction. */
  readonly commandId: string
  /** Actor `system`, with the trace and the reason of the event that caused it. */
  readonly meta: EventMeta
}

export type ReactionHandler = (event: RecordedEvent<any>, command: ReactionCommand) => Promise<unknown>

export interface ReactionDefinition {
  /** Kebab-case, unique within the service. */
  readonly name: string
  /** Nest tokens that `with` gets, in order. */
  readonly inject: readonly unknown[]
  readonly with: (...dependencies: any[]) => readonly EventHandler<ReactionHandler>[]
  /** React only to what happens after the service first ran, not to history. */
  readonly fromNow?: boolean
}

export const defineReaction = (reaction: ReactionDefinition): ReactionDefinition => reaction
