/**
 * The routes of the OpenID provider below `/t/<slug>`. oidc-provider reads the raw request and writes the raw answer, so these
 * routes have no body parser, no Nest and no OpenAPI entry; everything else below `/t/<slug>` is a hosted page.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { writeProblem } from '@pavan/platform/http/problem-filter.js'
import { requestContextOf } from '@pavan/platform/http/request-context.js'
import { Problems } from '@pavan/platform/http/problems.js'
import type { Resolve } from '@pavan/platform/service/define-service.js'
import { Providers } from './providers.js'
import { rememberOrigin } from './request-origin.js'

/** Method and path below `/t/<slug>`, as oidc-provider names them by default. */
const paths = [
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
  '/jwks',
  '/auth',
  '/auth/:uid',
  '/request',
  '/token',
  '/token/introspection',
  '/token/revocation',
  '/me',
  '/session/end',
  '/session/end/confirm',
  '/session/end/success',
] as const

export const mountProvider = async (fastify: FastifyInstance, get: Resolve): Promise<void> => {
  const providers = get(Providers)
  const problems = get(Problems)

  const handle = async (request: FastifyRequest<{ Params: { slug: string } }>, reply: FastifyReply): Promise<void> => {
    reply.hijack()
    const { raw } = request
    try {
      const found = await providers.visit(request.params.slug, raw)
      if (!found) return writeProblem(reply.raw, problems.answer('request.route.not-found', {}, requestContextOf(raw)))
      rememberOrigin(raw, request.ip)
      ;(raw as { originalUrl?: string }).originalUrl = raw.url
      raw.url = (raw.url as string).slice(`/t/${request.params.slug}`.length)
      found.handle(raw, reply.raw)
    } catch (error) {
      writeProblem(reply.raw, problems.of(error, requestContextOf(raw)))
    }
  }

  await fastify.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    for (const path of paths) scope.route({ method: ['GET', 'POST', 'OPTIONS'], url: `/t/:slug${path}`, handler: handle as never })
  })
}
