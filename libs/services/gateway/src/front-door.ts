/**
 * Everything that arrives passes here before a service sees it. Works on Node's raw request and leaves the body unread,
 * so that a request handed to a service in the same process costs no second parsing and no second token check.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setCaller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { clientAddress, type TrustProxy } from '@pavan/platform/http/client-address.js'
import type { Pressure } from '@pavan/platform/http/pressure.js'
import { writeProblem } from '@pavan/platform/http/problem-filter.js'
import type { Problems } from '@pavan/platform/http/problems.js'
import { requestContextOf } from '@pavan/platform/http/request-context.js'
import type { TokenVerifier } from '@pavan/platform/http/token-verifier.js'
import type { KnownService, RequestHandler, ServiceDirectory } from '@pavan/platform/service/service-directory.js'
import { allowOrigin, answerPreflight } from './cors.js'
import type { Origins } from './origins.js'
import type { RateLimits } from './rate-limits.js'
import type { Revocations } from './revocations.js'
import { RouteTable } from './route-table.js'
import { secure } from './security-headers.js'

export interface DoorParts {
  readonly directory: ServiceDirectory
  readonly limits: RateLimits
  readonly origins: Origins
  readonly pressure: Pressure
  readonly problems: Problems
  readonly revocations: Revocations
  readonly verifier: TokenVerifier
  readonly trustProxy: TrustProxy
  /** The gateway's own pages. */
  readonly own: RequestHandler
}

interface Passing {
  readonly path: string
  readonly api: boolean
  readonly service: KnownService | undefined
}

/** What the gateway answers itself, however little it knows of the services. */
const own = /^\/(docs|openapi\.json|problems|favicon\.ico|healthz|readyz|metrics)?(\/|$)/

/** Asked by machines that must get an answer when the system is busiest. */
const always = new Set(['/healthz', '/readyz', '/metrics'])

export class FrontDoor {
  readonly #routes: RouteTable
  readonly #https: boolean

  constructor(private readonly parts: DoorParts) {
    this.#routes = new RouteTable(parts.directory)
    this.#https = parts.directory.baseUrl.startsWith('https:')
  }

  readonly handle: RequestHandler = (request, response) => {
    const context = requestContextOf(request)
    const path = pathOf(request)
    response.setHeader('x-request-id', context.requestId)
    response.setHeader('traceparent', context.traceparent)
    const service = this.#routes.find(path)
    // The router behind decodes paths and takes absolute targets (RFC 9112 section 3.2.2): a token is checked however its target is written.
    const api = path.startsWith('/api/') || (request.headers.authorization !== undefined && !service && !always.has(path))
    secure(response, { api, https: this.#https })
    if (!always.has(path)) {
      if (this.parts.pressure.overloaded()) return this.#refuse(request, response, 'service.overloaded', 1)
      this.parts.pressure.enter(response)
    }
    if (!service && !this.#routes.complete && !own.test(path)) return this.#refuse(request, response, 'service.unavailable', 1)
    if ((request.url as string).includes('%00')) return this.#refuse(request, response, 'request.parameter.invalid')
    if (api && answerPreflight(request, response, this.parts.origins)) return
    // Where nothing is limited and there is no token to check, nothing has to be waited for.
    if (service && !api && !this.parts.limits.any) return service.handle(request, response)
    this.#pass(request, response, { path, api, service }).catch((error: unknown) => {
      writeProblem(response, this.parts.problems.of(error, context))
    })
  }

  async #pass(request: IncomingMessage, response: ServerResponse, { path, api, service }: Passing): Promise<void> {
    const wait = await this.parts.limits.address(clientAddress(request, this.parts.trustProxy))
    if (wait) return this.#refuse(request, response, 'request.rate.limited', wait)
    if (api) {
      const admitted = await this.#admit(request, response)
      if (!admitted) return
    } else if (path.startsWith('/t/')) {
      const later = await this.parts.limits.slug(path.slice(3, 3 + 40).split('/', 1)[0] as string)
      if (later) return this.#refuse(request, response, 'request.rate.limited', later)
    }
    if (service) service.handle(request, response)
    else this.parts.own(request, response)
  }

  /** Checks the token, if there is one. Whether the operation needs one is for the service to say. */
  async #admit(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const { authorization } = request.headers
    let caller: CallerIdentity | undefined
    if (authorization !== undefined) {
      caller = await this.parts.verifier.verify(authorization)
      if (!caller || this.parts.revocations.revoked(caller)) {
        allowOrigin(request, response, this.parts.origins, undefined)
        this.#refuse(request, response, 'request.token.invalid')
        return false
      }
      setCaller(request, caller)
    }
    allowOrigin(request, response, this.parts.origins, caller)
    const wait = caller ? await this.parts.limits.caller(caller.tenant, caller.client) : 0
    if (wait) this.#refuse(request, response, 'request.rate.limited', wait)
    return wait === 0
  }

  #refuse(request: IncomingMessage, response: ServerResponse, code: string, retryAfter?: number): void {
    writeProblem(response, this.parts.problems.answer(code, retryAfter ? { retryAfter } : {}, requestContextOf(request)))
    // Nobody will read the body that may still be coming.
    request.resume()
  }
}

const pathOf = (request: IncomingMessage): string => {
  const url = request.url as string
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}
