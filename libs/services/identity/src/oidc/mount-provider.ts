/**
 * The routes of the OpenID provider below `/t/<slug>`. oidc-provider reads the raw request and writes the raw answer, so these
 * routes have no body parser and no Nest, and api/provider-routes.ts describes them; everything else below `/t/<slug>` is a hosted page.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { clientAddress } from '@pavan/platform/http/client-address.js'
import { writeProblem } from '@pavan/platform/http/problem-filter.js'
import { requestContextOf } from '@pavan/platform/http/request-context.js'
import { Problems } from '@pavan/platform/http/problems.js'
import { ServiceConfig, type Resolve } from '@pavan/platform/service/define-service.js'
import type { FindDirect } from '@pavan/platform/service/direct-routes.js'
import { Providers } from './providers.js'
import { readInOneGo } from './short-body.js'

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

type Answer = (raw: IncomingMessage, response: ServerResponse, slug: string, address: string) => Promise<void>

const answerer = (get: Resolve): Answer => {
  const providers = get(Providers)
  const problems = get(Problems)
  return async (raw, response, slug, address) => {
    try {
      const found = await providers.visit(slug, raw)
      if (!found) return writeProblem(response, problems.answer('request.route.not-found', {}, requestContextOf(raw)))
      found.handle(raw, response, address)
    } catch (error) {
      writeProblem(response, problems.of(error, requestContextOf(raw)))
    }
  }
}

export const mountProvider = async (fastify: FastifyInstance, get: Resolve): Promise<void> => {
  const answer = answerer(get)
  const handle = async (request: FastifyRequest<{ Params: { slug: string } }>, reply: FastifyReply): Promise<void> => {
    reply.hijack()
    await answer(request.raw, reply.raw, request.params.slug, request.ip)
  }
  await fastify.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    for (const [path, method] of Object.entries(endpoints)) scope.route({ method: [...method], url: `/t/:slug${path}`, handler: handle as never })
  })
}

const form = 'application/x-www-form-urlencoded'

/** Slug and path below it, where nothing has to be decoded and nothing follows. */
const plain = /^\/t\/([a-z0-9-]{1,100})(\/[a-z/]+)$/

/** The authorization endpoint and its resumption, with what follows the path. */
const asked = /^\/t\/([a-z0-9-]{1,100})\/auth(?:\/([A-Za-z0-9_-]{1,100}))?(?:\?|$)/

/**
 * What clients and browsers send by the thousand: a form to an endpoint, and a request for authorization, written as everybody writes them.
 * The rest goes by Fastify.
 */
export const findProviderRoute = (get: Resolve): FindDirect => {
  const answer = answerer(get)
  const proxies = get(ServiceConfig)['PAVAN_TRUST_PROXY'] as number
  const posted = new Map<string, string>()
  for (const [path, methods] of Object.entries(endpoints)) if (methods.includes('POST')) posted.set(path, `/t/:slug${path}`)
  const authorization: FindDirect = ({ url, headers }) => {
    // Whoever sends a body with a GET has it thrown away by Fastify.
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return undefined
    const [, slug, uid] = asked.exec(url as string) ?? []
    if (slug === undefined) return undefined
    const route = uid === undefined ? '/t/:slug/auth' : '/t/:slug/auth/:uid'
    return { route, handle: (raw, response) => void answer(raw, response, slug, clientAddress(raw, proxies)) }
  }
  return (request) => {
    if (request.method === 'GET') return authorization(request)
    if (request.method !== 'POST' || request.headers['content-type'] !== form) return undefined
    const [, slug, path] = plain.exec(request.url as string) ?? []
    const route = path === undefined ? undefined : posted.get(path)
    if (route === undefined) return undefined
    return {
      route,
      handle: (raw, response) => {
        readInOneGo(raw)
        void answer(raw, response, slug as string, clientAddress(raw, proxies))
      },
    }
  }
}
