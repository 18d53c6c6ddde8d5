/**
 * The short way to an engine that reads the raw request and writes the raw answer: what is certain to be one of its routes goes there without
 * Fastify, which would route it once more, run hooks that have nothing to do with it, and leave its body alone. The same line is logged, the
 * same time is measured, and the same span is made. The routes are registered with Fastify besides, for the list of routes, for other methods,
 * and for every spelling that is not the plain one. Reasons and price: docs/adr/0046-tokens-by-the-short-way.md.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../telemetry/log.js'
import { spanOfDirect } from '../telemetry/http-spans.js'
import { answerIds, requestRecorder } from '../telemetry/request-log.js'
import type { RequestHandler } from './service-directory.js'

export interface DirectRoute {
  /** As it is registered with Fastify: `/t/:slug/token`. */
  readonly route: string
  readonly handle: RequestHandler
}

/** Finds the route of a request; undefined where Fastify has to look. Must be quick and must not throw. */
export type FindDirect = (request: IncomingMessage) => DirectRoute | undefined

export const directly = (find: FindDirect, otherwise: RequestHandler, service: string, log: Log): RequestHandler => {
  const record = requestRecorder(service, log)
  const traced = spanOfDirect(service)
  return (request: IncomingMessage, response: ServerResponse): void => {
    const found = find(request)
    if (!found) return otherwise(request, response)
    const started = performance.now()
    const { route, handle } = found
    answerIds(request, response)
    response.on('finish', () => record(request, response.statusCode, route, performance.now() - started))
    if (traced) traced(request, response, route, () => handle(request, response))
    else handle(request, response)
  }
}
