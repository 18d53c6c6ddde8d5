/** Whether the services of this process are well, for machines: `/healthz`, `/readyz` and `/metrics`, the same for one service and for the whole. */
import { commonProblems } from '@pavan/contracts'
import { RefusalError } from '@pavan/kernel'
import { writeProblem } from '../http/problem-filter.js'
import { Problems } from '../http/problems.js'
import { requestContextOf } from '../http/request-context.js'
import { prometheus } from '../telemetry/prometheus.js'
import type { RequestHandler, ServiceDirectory, ServiceStatus } from './service-directory.js'

export interface Readiness {
  /** `degraded`: ready, but a view or reaction has set a stream aside. */
  readonly status: 'ok' | 'degraded' | 'starting'
  readonly version: string
  /** Services that are not ready. */
  readonly missing: readonly string[]
  readonly services: readonly ServiceStatus[]
}

/**
 * While the process is `starting`, some of its services are not made yet and the door is shut, so it is not ready whatever they say.
 * A load balancer asks for the gateway's own readiness by `?service=gateway`: one service that is away must not take the others away with it.
 * Throws `request.parameter.invalid` for a service that there is not.
 */
export const readinessOf = async (directory: ServiceDirectory, version: string, url = '', starting = false): Promise<Readiness> => {
  const asked = new URLSearchParams(url.split('?', 2)[1]).getAll('service')
  const names = directory.list().map(({ name }) => name)
  if (!starting && asked.some((name) => !names.includes(name)))
    throw new RefusalError('request.parameter.invalid', { pointer: 'service', detail: `is one of ${names.join(', ')}` })
  const known = directory.list().filter(({ name }) => asked.length === 0 || asked.includes(name))
  const services = await Promise.all(known.map((service) => service.status()))
  const missing = services.filter(({ ready }) => !ready).map(({ service }) => service)
  const parked = services.some(({ consumers }) => consumers.some(({ parked: streams }) => streams.length > 0))
  const ready = !starting && services.length > 0 && missing.length === 0
  return { status: ready ? (parked ? 'degraded' : 'ok') : 'starting', version, missing, services }
}

/** Stands before the door of a process without a gateway, whose services know none of these paths. */
export const ownHealth =
  (directory: ServiceDirectory, version: string, door: RequestHandler, starting = false): RequestHandler =>
  (request, response) => {
    const path = request.url?.split('?', 1)[0]
    const json = (status: number, body: unknown) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    const failed = (error: unknown) =>
      writeProblem(response, new Problems(commonProblems, `${directory.baseUrl}/problems`).of(error, requestContextOf(request)))
    if (path === '/healthz') json(200, { status: 'ok' })
    else if (path === '/readyz')
      readinessOf(directory, version, request.url, starting).then((answer) => json(answer.status === 'starting' ? 503 : 200, answer), failed)
    else if (path === '/metrics') prometheus().then((handle) => handle(request, response), failed)
    else door(request, response)
  }
