/** CORS for the management API: a browser may call it from the origins that the tenants' clients have registered. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CallerIdentity } from '@pavan/platform/http/caller.js'
import type { Origins } from './origins.js'

const methods = 'GET, POST, PUT, PATCH, DELETE'
const requestHeaders = 'authorization, content-type, idempotency-key, if-match, pavan-reason, pavan-wait-for, traceparent, x-request-id'
const exposed = 'etag, location, pavan-position, idempotency-replayed, retry-after, x-request-id'

/** Answers a preflight (Fetch, section 4.8). It carries no token, so any registered origin may ask; the call itself is checked again. */
export const answerPreflight = (request: IncomingMessage, response: ServerResponse, origins: Origins): boolean => {
  if (request.method !== 'OPTIONS' || !request.headers.origin || !request.headers['access-control-request-method']) return false
  response.setHeader('vary', 'origin, access-control-request-headers')
  if (origins.known(request.headers.origin)) {
    response.setHeader('access-control-allow-origin', request.headers.origin)
    response.setHeader('access-control-allow-methods', methods)
    response.setHeader('access-control-allow-headers', requestHeaders)
    response.setHeader('access-control-max-age', '600')
  }
  response.writeHead(204).end()
  return true
}

/** Lets the page read the answer if the client that the token was issued to has registered the page's origin. */
export const allowOrigin = (request: IncomingMessage, response: ServerResponse, origins: Origins, caller: CallerIdentity | undefined): void => {
  const origin = request.headers.origin
  if (!origin) return
  response.setHeader('vary', 'origin')
  const allowed = caller?.client ? origins.allowed(caller.tenant, caller.client, origin) : origins.known(origin)
  if (!allowed) return
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', exposed)
}
