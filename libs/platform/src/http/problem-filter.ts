/** Sends every error of a service, whoever threw it, as problem+json. */
import type { ServerResponse } from 'node:http'
import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common'
import { RefusalError } from '@pavan/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../telemetry/log.js'
import type { ProblemAnswer, Problems } from './problems.js'
import { requestContextOf } from './request-context.js'
import type { RouteIndex } from './route-index.js'

export const problemContentType = 'application/problem+json; charset=utf-8'

@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly problems: Problems,
    private readonly log: Log,
    private readonly routes: RouteIndex,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp()
    this.forFastify(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>())
  }

  /** For errors outside Nest: Fastify's own routes, hooks and parsers. */
  readonly forFastify = (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    if (reply.sent || reply.raw.headersSent) return
    const methods = request.is404 ? this.routes.methods(request.url) : []
    if (methods.length > 0) void reply.header('allow', methods.join(', '))
    const answer = this.judge(methods.length > 0 ? new RefusalError('request.method.not-allowed') : thrown, request)
    void reply.status(answer.status).headers(headersOf(answer)).serializer(String).send(JSON.stringify(answer.body))
  }

  private judge(thrown: unknown, request: FastifyRequest): ProblemAnswer {
    const context = requestContextOf(request.raw)
    const answer = this.problems.of(thrown, context)
    if (answer.accident) {
      this.log.error(
        { error: thrown, method: request.method, route: request.routeOptions?.url, request_id: context.requestId, trace_id: context.traceId },
        'request failed',
      )
    }
    return answer
  }
}

export const headersOf = (answer: ProblemAnswer): Record<string, string> => ({
  'content-type': problemContentType,
  'cache-control': 'no-store',
  ...(answer.retryAfter === undefined ? {} : { 'retry-after': String(answer.retryAfter) }),
  ...(answer.status === 401 ? { 'www-authenticate': answer.body.code === 'request.token.invalid' ? 'Bearer error="invalid_token"' : 'Bearer' } : {}),
})

/** Answers a problem where there is no Fastify yet. The rest of the request body is not read. */
export const writeProblem = (response: ServerResponse, answer: ProblemAnswer): void => {
  if (response.headersSent) return
  response.writeHead(answer.status, headersOf(answer)).end(JSON.stringify(answer.body))
}
