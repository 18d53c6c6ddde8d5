/**
 * The routes of the OpenID provider below `/t/<slug>`. oidc-provider reads the raw request and writes the raw answer, so these
 * routes have no body parser and no Nest, and api/provider-routes.ts describes them; everything else below `/t/<slug>` is a hosted page.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { writeProblem } from '@pavan/platform/http/problem-filter.js'
import { requestContextOf } from '@pavan/platform/http/request-context.js'
import { Problems } from '@pavan/platform/http/problems.js'
import type { Resolve } from '@pavan/platform/service/define-service.js'
import { Providers } from './providers.js'
import { rememberOrigin } from './request-origin.js'

/** Path below `/t/<slug>`, as oidc-provider names it by default, and its methods; OPTIONS is its CORS. */
const endpoints: Readonly<Record<string, readonly string[]>> = {
  '/.well-known/openid-configuration': ['GET', 'OPTIONS'],
  '/.well-known/oauth-authorization-server': ['GET', 'OPTIONS'],
  '/jwks': ['GET', 'OPTIONS'],
  // A POST from a client's page would bring the session cookie along only if it were SameSite=None, for every site.
  '/auth': ['GET'],
  '/auth/:uid': ['GET'],
  '/request': ['POST', 'OPTIONS'],
  '/token': ['POST', 'OPTIONS'],
  '/token/introspection': ['POST', 'OPTIONS'],
  '/token/revocation': ['POST', 'OPTIONS'],
  '/me': ['GET', 'POST', 'OPTIONS'],
  '/session/end': ['GET'],
  '/session/end/confirm': ['POST'],
  '/session/end/success': ['GET'],
}

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
    for (const [path, method] of Object.entries(endpoints)) scope.route({ method: [...method], url: `/t/:slug${path}`, handler: handle as never })
  })
}
