/** One log line and one measurement for each request: the route's pattern, never the URL, which may name a person. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { callerOf } from '../http/caller.js'
import { requestContextOf } from '../http/request-context.js'
import type { Log } from './log.js'
import { metrics } from './metrics.js'

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export const requestSeconds = metrics.histogram('http_server_request_duration_seconds', {
  description: 'Time from the head of a request to the end of its answer, by the pattern of its route.',
  unit: 's',
  labels: ['service', 'method', 'route', 'status'],
  buckets,
})

/** Names the request and its trace in the answer, unless the gateway in front has done so. */
export const answerIds = (raw: object, response: ServerResponse): void => {
  const context = requestContextOf(raw)
  if (response.hasHeader('x-request-id')) return
  response.setHeader('x-request-id', context.requestId)
  response.setHeader('traceparent', context.traceparent)
}

/** Notes one answered request. `ms` is the time since its head was there. */
export const requestRecorder =
  (service: string, log: Log) =>
  (raw: IncomingMessage, status: number, route: string, ms: number): void => {
    requestSeconds.record(ms / 1000, { service, method: raw.method as string, route, status })
    const context = requestContextOf(raw)
    const fields = {
      method: raw.method,
      route,
      status,
      ms: Math.round(ms * 10) / 10,
      tenant: callerOf(raw)?.tenant,
      request_id: context.requestId,
      trace_id: context.traceId,
    }
    if (status >= 500) log.warn(fields, 'request')
    else log.info(fields, 'request')
  }

export const watchRequests = (fastify: FastifyInstance, service: string, log: Log): void => {
  const record = requestRecorder(service, log)
  fastify.addHook('onRequest', (request, reply, done) => {
    answerIds(request.raw, reply.raw)
    done()
  })
  fastify.addHook('onResponse', (request, reply, done) => {
    record(request.raw, reply.raw.statusCode, request.routeOptions.url ?? 'unknown', reply.elapsedTime)
    done()
  })
}
