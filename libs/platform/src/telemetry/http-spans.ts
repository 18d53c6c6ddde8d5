/**
 * Server spans (semantic conventions for HTTP): one at the gateway's door, one in the service behind it. The route's pattern is kept, never
 * the URL, the address or the user agent: `url.path`, which the conventions ask for, may hold one-time secrets here and is left out.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Attributes } from '@opentelemetry/api'
import { callerOf } from '../http/caller.js'
import { requestContextOf, setTrace } from '../http/request-context.js'
import type { RequestHandler } from '../service/service-directory.js'
import { tracing, type RunningSpan } from './tracing.js'

const atDoor = new WeakMap<object, RunningSpan>()

/** Asked every few seconds by machines. */
const quiet = /^\/(healthz|readyz|metrics)(\?|$)/

const begin = (request: IncomingMessage, service: string): { readonly name: string; readonly attributes: Attributes } => {
  const method = request.method as string // Node's parser knows a closed list
  const encrypted = 'encrypted' in request.socket
  const attributes = {
    'http.request.method': method,
    'network.protocol.name': 'http',
    'network.protocol.version': request.httpVersion,
    'pavan.service': service,
    'url.scheme': encrypted ? 'https' : 'http',
  }
  return { name: method, attributes }
}

/** Starts the first span of a request: of the caller's trace if it sent a `traceparent`, which from then on is the trace of everything done for it. */
const first = (request: IncomingMessage, service: string): RunningSpan | undefined => {
  const { parent } = requestContextOf(request)
  const span = tracing.source?.start({ kind: 'server', ...begin(request, service), ...(parent === undefined ? {} : { parent }) })
  if (span) setTrace(request, span.traceparent)
  return span
}

const finish = (span: RunningSpan, request: IncomingMessage, status: number, completed: boolean): void => {
  const tenant = callerOf(request)?.tenant
  span.set({ 'http.response.status_code': status, ...(tenant === undefined ? {} : { 'pavan.tenant': tenant }) })
  span.end(status >= 500 ? String(status) : completed ? undefined : 'aborted')
}

/** Wraps the door of the gateway. */
export const traceDoor = (handle: RequestHandler): RequestHandler => {
  if (!tracing.source) return handle
  return (request, response) => {
    const span = quiet.test(request.url ?? '') ? undefined : first(request, 'gateway')
    if (!span) return handle(request, response)
    atDoor.set(request, span)
    response.once('close', () => finish(span, request, response.statusCode, response.writableFinished))
    span.run(() => handle(request, response))
  }
}

/** The span of a request in a service, below the one at the door. Both get the name of the route, where there is one. */
const within = (raw: IncomingMessage, service: string, route: string | undefined): RunningSpan | undefined => {
  if (quiet.test(raw.url ?? '')) return undefined
  const door = atDoor.get(raw)
  const span = door ? tracing.source?.start({ kind: 'server', within: door.traceparent, ...begin(raw, service) }) : first(raw, service)
  if (span && route !== undefined) {
    for (const one of [span, ...(door ? [door] : [])]) {
      one.rename(`${raw.method} ${route}`)
      one.set({ 'http.route': route })
    }
  }
  return span
}

/** Adds the spans of one service, as long as the tracing is on when the service is made. */
export const traceService = (fastify: FastifyInstance, service: string): void => {
  if (!tracing.source) return
  const spans = new WeakMap<object, RunningSpan>()
  fastify.addHook('onRequest', (request, _reply, done) => {
    const span = within(request.raw, service, request.routeOptions.url)
    if (!span) return done()
    spans.set(request.raw, span)
    span.run(done)
  })
  fastify.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request.raw)
    if (span) finish(span, request.raw, reply.raw.statusCode, reply.raw.writableFinished)
    done()
  })
}

type Traced = (request: IncomingMessage, response: ServerResponse, route: string, work: () => void) => void

/** The same for requests that do not pass Fastify; undefined when the tracing is off. */
export const spanOfDirect = (service: string): Traced | undefined => {
  if (!tracing.source) return undefined
  return (request, response, route, work) => {
    const span = within(request, service, route)
    if (!span) return work()
    response.once('close', () => finish(span, request, response.statusCode, response.writableFinished))
    span.run(work)
  }
}
