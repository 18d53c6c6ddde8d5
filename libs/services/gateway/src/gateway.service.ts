/** The one door of the system. */
import type { FastifyInstance } from 'fastify'
import { defineService, ServiceConfig, type Resolve } from '@pavan/platform/service/define-service.js'
import { Pressure } from '@pavan/platform/http/pressure.js'
import { Problems } from '@pavan/platform/http/problems.js'
import { TokenVerifier } from '@pavan/platform/http/token-verifier.js'
import { ServiceDirectory } from '@pavan/platform/service/service-directory.js'
import { traceDoor } from '@pavan/platform/telemetry/http-spans.js'
import { FrontDoor } from './front-door.js'
import { gatewayConfig, type GatewayConfig } from './gateway.config.js'
import { Origins } from './origins.js'
import { originsView } from './origins.view.js'
import { ownPages } from './own-pages.js'
import { RateLimits } from './rate-limits.js'
import { Revocations } from './revocations.js'
import { revocationsView } from './revocations.view.js'

const mount = async (fastify: FastifyInstance, get: Resolve): Promise<void> => {
  const directory = get(ServiceDirectory)
  const config = get(ServiceConfig) as unknown as GatewayConfig & { PAVAN_TRUST_PROXY: number }
  await ownPages(fastify, directory, '0.1.0')
  const pressure = new Pressure({ inFlight: config.PAVAN_MAX_IN_FLIGHT, loopDelay: config.PAVAN_MAX_LOOP_DELAY })
  fastify.addHook('onClose', async () => pressure.close())
  const door = new FrontDoor({
    directory,
    limits: new RateLimits(config),
    origins: get(Origins),
    pressure,
    problems: get(Problems),
    revocations: get(Revocations),
    verifier: get(TokenVerifier),
    trustProxy: config.PAVAN_TRUST_PROXY,
    own: (request, response) => fastify.routing(request, response),
  })
  directory.guard(traceDoor(door.handle))
}

export const gatewayService = defineService({
  name: 'gateway',
  title: 'Gateway',
  providers: [Origins, Revocations],
  views: [originsView, revocationsView],
  config: gatewayConfig,
  routes: [],
  rawRoutes: () => import('./raw-routes.js').then((routes) => routes.rawRoutes),
  inject: [Origins, Revocations],
  onReady: async (origins: Origins, revocations: Revocations) => {
    await origins.open()
    await revocations.open()
  },
  mount,
  notices: async (get) => [{ label: 'API reference', text: `${get(ServiceDirectory).baseUrl}/docs` }],
})
