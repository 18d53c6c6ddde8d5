/** A view as data: which events change which rows. */
import type { RecordedEvent } from '@pavan/kernel'
import type { AnyEventType, EventOf } from '@pavan/contracts'
import type { RowChange, TableDefinition } from './rows.js'

/** Rows of the view as they are after every earlier event, those of the running batch included. */
export interface Current {
  get<R extends object>(table: TableDefinition<R>, key: string): Promise<R | undefined>
  /** Keyed hash of a value (privacy/blind-index.ts): for rows that must be found, or counted once, without keeping the value. */
  blind(tenant: string, name: string, value: string): Promise<string>
}

export type Changes = readonly RowChange<any>[]
export type ViewHandler = (event: RecordedEvent, current: Current) => Changes | Promise<Changes>

export interface EventHandler<H> {
  /** Absent: every event of the contexts. */
  readonly type?: AnyEventType
  /** Which service writes it; found by the event's type when absent. */
  readonly contexts?: readonly string[]
  readonly handle: H
}

/** Handles one type of event. */
export const on = <X extends AnyEventType, R>(type: X, handle: (event: RecordedEvent<EventOf<X>>, second: any) => R): EventHandler<any> => ({ type, handle })

/** Handles every event of some contexts: for the audit log and the like. */
export const onEvery = (contexts: readonly string[], handle: ViewHandler): EventHandler<ViewHandler> => ({ contexts, handle })

export interface ViewDefinition {
  /** Kebab-case, unique within the service. */
  readonly name: string
  /** Raise it when handlers or tables change: the new version is built beside the old one and then takes its place. */
  readonly version: number
  /** Tables that this view alone writes. */
  readonly tables: readonly TableDefinition<any>[]
  readonly on: readonly EventHandler<ViewHandler>[]
  /** Whether handlers look at `meta.origin`; it stays sealed otherwise. */
  readonly origins?: boolean
  /** For views that nobody waits for: milliseconds from one batch to the next, at least, so that many events share a commit. */
  readonly interval?: number
}

export const defineView = (view: ViewDefinition): ViewDefinition => view
