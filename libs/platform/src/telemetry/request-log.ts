/** One log line and one measurement for each request: the route's pattern, never the URL, which may name a person. */
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

export const watchRequests = (fastify: FastifyInstance, service: string, log: Log): void => {
  fastify.addHook('onRequest', (request, reply, done) => {
    const context = requestContextOf(request.raw)
    if (!reply.raw.hasHeader('x-request-id')) {
      reply.raw.setHeader('x-request-id', context.requestId)
      reply.raw.setHeader('traceparent', context.traceparent)
    }
    done()
  })
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown'
    const status = reply.raw.statusCode
    const ms = reply.elapsedTime
    requestSeconds.record(ms / 1000, { service, method: request.method, route, status })
    const context = requestContextOf(request.raw)
    const fields = {
      method: request.method,
      route,
      status,
      ms: Math.round(ms * 10) / 10,
      tenant: callerOf(request.raw)?.tenant,
      request_id: context.requestId,
      trace_id: context.traceId,
    }
    if (status >= 500) log.warn(fields, 'request')
    else log.info(fields, 'request')
    done()
  })
}
