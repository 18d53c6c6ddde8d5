/** A service as data: everything that the runner needs to know to run it alone or beside the others. */
import type { Provider, Type } from '@nestjs/common'
import type { AnyEventType, ProblemList } from '@pavan/contracts'
import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import type { ReactionDefinition } from '../bus/define-reaction.js'
import type { JobDefinition } from '../jobs/define-job.js'
import type { ViewDefinition } from '../views/define-view.js'
import type { TableDefinition } from '../views/rows.js'
import type { FindDirect } from './direct-routes.js'
import type { RawRoutes } from './raw-routes.js'

/** Rows that an erased person leaves behind. */
export interface PurgeRule {
  readonly table: TableDefinition<any>
  /** Index whose first fields `where` names. */
  readonly index: string
  readonly where: (tenant: string, user: string) => Readonly<Record<string, string | number | boolean>>
}

/** Resolves a token of the service's container: a class, or a string or symbol. */
export type Resolve = <T>(token: abstract new (...args: any[]) => T) => T

export interface ServiceDefinition {
  /** Also the context of its events. */
  readonly name: string
  readonly title: string
  readonly controllers?: readonly Type[]
  readonly providers?: readonly Provider[]
  /** Tables that no view writes: protocol state and the like. */
  readonly tables?: readonly TableDefinition<any>[]
  readonly views?: readonly ViewDefinition[]
  readonly reactions?: readonly ReactionDefinition[]
  readonly jobs?: readonly JobDefinition[]
  /** Event types that it writes. */
  readonly events?: readonly AnyEventType[]
  /** Its error codes. */
  readonly problems?: ProblemList
  /** Path prefixes that the gateway sends here. */
  readonly routes: readonly string[]
  /** Describes the routes that no controller describes. Loaded when the document is asked for. */
  readonly rawRoutes?: () => Promise<RawRoutes>
  readonly purge?: readonly PurgeRule[]
  /** Environment variables; injected parsed by the token `ServiceConfig`. */
  readonly config?: z.ZodObject
  /** Nest tokens that `onReady` gets, in order. */
  readonly inject?: readonly unknown[]
  /** Runs when the views have caught up, before the first request: for what must exist at first start. */
  readonly onReady?: (...dependencies: any[]) => Promise<void>
  /** Asked once, when everything is ready. */
  readonly notices?: (get: Resolve) => Promise<readonly Notice[]>
  /** Mounts an engine that owns its raw routes, such as an OpenID provider. */
  readonly mount?: (fastify: FastifyInstance, get: Resolve) => Promise<void> | void
  /** Finds those of the engine's routes that need nothing of Fastify. They have to be mounted, too. */
  readonly direct?: (get: Resolve) => FindDirect
}

/** Something that whoever started the system should know next: `Set-up link: http://…`. */
export interface Notice {
  readonly label: string
  readonly text: string
}

/** Token of the parsed configuration of a service. */
export abstract class ServiceConfig {
  readonly [name: string]: any
}

export const defineService = (service: ServiceDefinition): ServiceDefinition => service
