/** What the gateway answers itself: health, metrics, the API description and its reader, the error reference. */
import apiReference from '@scalar/fastify-api-reference'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ServiceDirectory } from '@pavan/platform/service/service-directory.js'
import { describeSystem } from './open-api.js'
import { problemPages } from './problem-pages.js'
import { prometheus } from './prometheus.js'

export const ownPages = async (fastify: FastifyInstance, directory: ServiceDirectory, version: string): Promise<void> => {
  let description: Promise<string> | undefined
  const describe = (): Promise<string> => (description ??= describeSystem(directory, version).then((document) => JSON.stringify(document)))

  fastify.get('/', (_request, reply) => reply.redirect('/docs', 302))
  fastify.get('/healthz', () => ({ status: 'ok' }))
  fastify.get('/readyz', async (_request, reply) => {
    const services = await Promise.all(directory.list().map((service) => service.status()))
    const parked = services.some(({ consumers }) => consumers.some((consumer) => (consumer as { parked: readonly unknown[] }).parked.length > 0))
    const ready = services.every((service) => service.ready)
    return reply.status(ready ? 200 : 503).send({ status: ready ? (parked ? 'degraded' : 'ok') : 'starting', version, services })
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
  problemPages(fastify, directory)
  fastify.addHook('onSend', async (request, reply) => {
    if (request.url.startsWith('/docs'))
      reply.header(
        'content-security-policy',
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'",
      )
  })
  await fastify.register(apiReference, {
    routePrefix: '/docs',
    configuration: { url: '/openapi.json', withDefaultFonts: false, telemetry: false, showDeveloperTools: 'never' } as object,
  })
}
