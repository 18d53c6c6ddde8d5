/**
 * Which privilege an operation needs. The product's own API is guarded by the same engine as its customers' APIs.
 *
 * `@Requires('read', 'users')`: the caller's roles must allow the action on the resource. The path parameters of the route are the facts,
 * so a policy may speak of `{ id: 'usr_…' }` or `{ organization: 'org_…' }`.
 *
 * Resources are plural nouns: `users`, `sessions`, `clients`, `organizations`, `roles`, `audit`. Actions are `read`, `create`, `update`,
 * `delete`, or a verb of their own (`block`, `rotate`). The built-in `viewer` has `read` on everything, `administrator` has everything.
 * The resource `tenants` is the operator's alone: nobody but the built-in role `operator` of the first tenant is allowed anything on it.
 * What administrators do with their own tenant is on `tenant` or `settings`.
 */
import { SetMetadata } from '@nestjs/common'

/** Metadata key of `Requirement`; read by `AccessGuard` and by the OpenAPI document. */
export const requiresKey = 'pavan:requires'

export interface Requirement {
  readonly action: string
  readonly resource: string
}

export const Requires = (action: string, resource: string) => SetMetadata<string, Requirement>(requiresKey, { action, resource })

/** What the handler requires, or else its controller. */
export const requirementOf = (handler: object, controller: object): Requirement | undefined =>
  (Reflect.getMetadata(requiresKey, handler) ?? Reflect.getMetadata(requiresKey, controller)) as Requirement | undefined
