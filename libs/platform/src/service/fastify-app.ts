/** The HTTP side of one service: a Nest application on Fastify that knows only JSON, problems and declared answers. */
import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import type { DynamicModule } from '@nestjs/common'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { maxBodyLimit } from '../http/body-limit.js'
import { readJsonBodies } from '../http/json-body.js'
import { requestContextOf } from '../http/request-context.js'
import type { RouteIndex } from '../http/route-index.js'
import type { Log } from '../telemetry/log.js'
import { traceService } from '../telemetry/http-spans.js'
import { nestLog } from '../telemetry/nest-log.js'
import { watchRequests } from '../telemetry/request-log.js'

export interface FastifyAppOptions {
  readonly service: string
  readonly log: Log
  readonly routes: RouteIndex
  /** Number of proxies in front. */
  readonly trustProxy: number
  /** Answers what Fastify refuses before it knows a route, such as a URL that is not well-formed. */
  readonly refuse: (error: unknown, request: FastifyRequest, reply: FastifyReply) => void
}

export const makeFastifyApp = async (module: DynamicModule, options: FastifyAppOptions): Promise<{ app: NestFastifyApplication; fastify: FastifyInstance }> => {
  const adapter = new FastifyAdapter({
    bodyLimit: maxBodyLimit,
    trustProxy: options.trustProxy === 0 ? false : (_address: string, hop: number) => hop < options.trustProxy,
    routerOptions: { maxParamLength: 500 },
    genReqId: (raw: object) => requestContextOf(raw).requestId,
    logger: false,
    frameworkErrors: (error: unknown, request: unknown, reply: unknown) => options.refuse(error, request as FastifyRequest, reply as FastifyReply),
    skipMiddie: true,
  })
  const fastify = adapter.getInstance() as unknown as FastifyInstance
  options.routes.watch(fastify)
  // One handler for what Fastify refuses and raw routes throw: Nest would put its own in this place.
  fastify.setErrorHandler(options.refuse)
  adapter.setErrorHandler = () => fastify
  readJsonBodies(fastify)
  traceService(fastify, options.service)
  watchRequests(fastify, options.service, options.log)
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: nestLog(options.log),
    bodyParser: false,
    abortOnError: false,
  })
  return { app, fastify }
}
