/** Routes that no controller describes: an engine's own endpoints, pages, forms. A service declares them here, and they are in `/openapi.json`. */
import type { z } from 'zod'

/** A Zod schema, or JSON Schema (2020-12) such as a `$ref` to a component. */
export type AnySchema = z.ZodType | Readonly<Record<string, unknown>>

/** One answer. Two with one status and different media types are one response. */
export interface RawAnswer {
  readonly status: number
  readonly description: string
  /** Media type; without one there is no body. */
  readonly type?: string
  readonly schema?: AnySchema
  readonly example?: unknown
  /** Header → what it says. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface RawBody {
  /** Media type; `application/x-www-form-urlencoded` by default. */
  readonly type?: string
  readonly schema: z.ZodType
  readonly example?: unknown
  /** Whether the operation makes no sense without one; true by default. */
  readonly required?: boolean
}

export interface RawRoute {
  readonly method: 'get' | 'post'
  /** As OpenAPI writes it: `/t/{slug}/token`. */
  readonly path: string
  /** Part of the operationId behind the service's name: `provider.token`. */
  readonly id: string
  readonly summary: string
  readonly description: string
  /** Schemas of the path's parameters, each of which must be here. */
  readonly params?: Readonly<Record<string, z.ZodType>>
  readonly query?: z.ZodObject
  readonly body?: RawBody
  /** Any one of these; needs nothing by default. */
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly answers: readonly RawAnswer[]
  /** Codes of the closed list that it answers as problem+json. */
  readonly problems?: readonly string[]
}

export interface RawRoutes {
  readonly routes: readonly RawRoute[]
  /** Components that the routes refer to. */
  readonly schemas?: Readonly<Record<string, z.ZodType>>
  readonly securitySchemes?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}
