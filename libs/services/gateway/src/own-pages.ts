/** What the gateway answers itself: health, metrics, the API description and its reader, the error reference, the icon. */
import apiReference from '@scalar/fastify-api-reference'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { readinessOf } from '@pavan/platform/service/own-health.js'
import type { ServiceDirectory } from '@pavan/platform/service/service-directory.js'
import { prometheus } from '@pavan/platform/telemetry/prometheus.js'
import { iconPath, iconRoute } from './icon.js'
import { describeSystem } from './open-api.js'
import { problemPages } from './problem-pages.js'

/** Nothing that leads to the maker's own services, asks a third party, or stands on the page of a product for another one. */
const docsConfiguration = {
  url: '/openapi.json',
  pageTitle: 'Pavan API',
  favicon: iconPath,
  withDefaultFonts: false,
  telemetry: false,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
  hideClientButton: true,
  defaultOpenFirstTag: false,
}

export const ownPages = async (fastify: FastifyInstance, directory: ServiceDirectory, version: string): Promise<void> => {
  let description: Promise<string> | undefined
  let described: unknown
  const describe = (): Promise<string> => {
    const services = directory.list()
    if (description && described === services) return description
    described = services
    description = describeSystem(directory, version).then((document) => JSON.stringify(document))
    // A service that does not answer now is asked again by the next reader.
    description.catch(() => (described = undefined))
    return description
  }

  fastify.get('/', (_request, reply) => reply.redirect('/docs', 302))
  fastify.get('/healthz', () => ({ status: 'ok' }))
  fastify.get('/readyz', async (request, reply) => {
    const readiness = await readinessOf(directory, version, request.url)
    return reply.status(readiness.status === 'starting' ? 503 : 200).send(readiness)
  })
  fastify.get('/metrics', async (request, reply: FastifyReply) => {
    reply.hijack()
    ;(await prometheus())(request.raw, reply.raw)
  })
  fastify.get('/openapi.json', async (_request, reply) =>
    reply
      .header('access-control-allow-origin', '*')
      .type('application/json')
      .send(await describe()),
  )
  iconRoute(fastify)
  problemPages(fastify, directory)
  fastify.addHook('onSend', async (request, reply) => {
    if (request.url.startsWith('/docs'))
      reply.header(
        'content-security-policy',
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'",
      )
  })
  await fastify.register(apiReference, { routePrefix: '/docs', configuration: docsConfiguration as object })
}
