/** What the gateway knows of the services behind it, whether they run in its process or elsewhere. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ProblemList } from '@pavan/contracts'
import type { Lag } from '../telemetry/lag.js'

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void

/** An OpenAPI 3.1 document, or the part of it that one service contributes. */
export interface ApiDocument {
  readonly paths: Record<string, Record<string, unknown>>
  readonly components?: { readonly schemas?: Record<string, unknown>; readonly [section: string]: unknown }
  readonly [field: string]: unknown
}

/** A view or a reaction, as `/readyz` and the console show it. */
export interface ConsumerStanding {
  readonly name: string
  /** `context:p` → last sequence number that is done. */
  readonly positions?: Readonly<Record<string, number>>
  readonly pending: number
  /** All events that wait, and the longest wait; as far as the copy knows that says so. */
  readonly lag: Lag
  /** The same by `context:p`, where something waits. */
  readonly behind?: Readonly<Record<string, Lag>>
  readonly parked: readonly unknown[]
  readonly lastError?: string
}

export interface ServiceStatus {
  readonly service: string
  readonly ready: boolean
  readonly version: string
  /** From the store to the bus. */
  readonly relay: Lag & { readonly lastError?: string }
  /** One entry for each view and reaction: how far behind it is, and the streams that it has set aside. */
  readonly consumers: readonly ConsumerStanding[]
  readonly lastError?: string
}

export interface ServiceDescription {
  readonly name: string
  readonly title: string
  /** Path prefixes that belong to the service: `/api/v1/identity`. */
  readonly routes: readonly string[]
  readonly problems: ProblemList
}

export interface KnownService extends ServiceDescription {
  /** False while a service elsewhere has not said yet which routes are its own. */
  readonly known: boolean
  /** Takes over a raw request whose body has not been read. */
  readonly handle: RequestHandler
  status(): Promise<ServiceStatus>
  document(): Promise<ApiDocument>
}

export abstract class ServiceDirectory {
  /** Where the system is reached from outside, without a slash at the end. */
  abstract readonly baseUrl: string
  /** Another list whenever a service comes, or becomes known. */
  abstract list(): readonly KnownService[]
  abstract add(service: KnownService): void
  /** Puts a handler before everything that arrives on the port. */
  abstract guard(door: RequestHandler): void
}
