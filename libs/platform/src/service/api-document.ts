/** The OpenAPI 3.1 description of a service, read from what its controllers declare: nothing is written twice. */
import 'reflect-metadata'
import { RequestMethod, type Type } from '@nestjs/common'
import { METHOD_METADATA, PATH_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js'
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js'
import { commonProblems, problem, type ProblemList } from '@pavan/contracts'
import { z } from 'zod'
import { requirementOf } from '../access/requires.js'
import { answerOf, refusalsOf } from '../http/answers.js'
import { entranceOf } from '../http/token.guard.js'
import type { AnySchema, RawRoute, RawRoutes } from './raw-routes.js'
import type { ApiDocument } from './service-directory.js'

export interface DescribedService {
  readonly service: string
  readonly title: string
  readonly problems: ProblemList
}

interface RouteArgument {
  readonly data?: string
  readonly schema?: z.ZodType
}

type Json = Record<string, unknown>

const jsonSchema = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json
  return rest
}

const methodNames: Readonly<Record<number, string>> = {
  [RequestMethod.GET]: 'get',
  [RequestMethod.POST]: 'post',
  [RequestMethod.PUT]: 'put',
  [RequestMethod.PATCH]: 'patch',
  [RequestMethod.DELETE]: 'delete',
}

const header = (name: string, description: string): Json => ({ name, in: 'header', required: false, description, schema: { type: 'string' } })
const waitFor = header('Pavan-Wait-For', 'A `Pavan-Position` of an earlier answer: what is read is at least as new.')
const idempotencyKey = header('Idempotency-Key', 'Any text of up to 255 characters. The same key within 24 hours gives the first answer again.')

/** The Problem schema, with the closed list of codes. */
export const problemSchema = (codes: Iterable<string>): Json => {
  const schema = jsonSchema(problem, 'output') as Json & { properties: Json }
  return { ...schema, properties: { ...schema.properties, code: { ...(schema.properties.code as Json), enum: [...new Set(codes)].sort() } } }
}

const problemAnswers = (codes: readonly string[], list: ProblemList): Json => {
  const byStatus = new Map<number, string[]>()
  for (const code of codes) {
    const type = list[code]
    if (type) byStatus.set(type.status, [...(byStatus.get(type.status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => {
      const first = list[some[0] as string]
      const example = {
        type: `/problems/${some[0]}`,
        title: first?.title,
        status,
        detail: first?.detail,
        code: some[0],
        instance: 'req_01j9z3f8k2m4n6p8q0r2s4t6v8',
      }
      const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' }, example } }
      return [String(status), { description: some.map((code) => `\`${code}\`: ${list[code]?.title}`).join('\n\n'), content }]
    }),
  )
}

const argumentsOf = (controller: Type, name: string): readonly (RouteArgument & { readonly kind: number })[] =>
  Object.entries((Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) ?? {}) as Record<string, RouteArgument>).map(([key, argument]) => ({
    ...argument,
    kind: Number(key.split(':')[0]),
  }))

const queryParameters = (schema: z.ZodType): Json[] => {
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as { properties?: Record<string, Json>; required?: string[] }
  return Object.entries(properties).map(([name, { description, ...of }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description ? { description } : {}),
    schema: of,
  }))
}

const usualCodes = (method: string, entrance: string | undefined, hasInput: boolean): string[] => [
  ...(entrance === 'public' ? [] : ['request.token.missing', 'request.token.invalid']),
  ...(entrance === undefined ? ['request.access.denied'] : []),
  ...(hasInput ? ['request.parameter.invalid'] : []),
  ...(method === 'get' || method === 'delete'
    ? []
    : ['request.body.invalid', 'request.body.malformed', 'request.body.too-large', 'request.content-type.unsupported']),
  'request.rate.limited',
  'service.overloaded',
]

const operation = (controller: Type, name: string, method: string, described: DescribedService): Json => {
  const handler = (controller.prototype as Record<string, object>)[name] as object
  const answer = answerOf(handler)
  const entrance = entranceOf(handler, controller)
  const requirement = requirementOf(handler, controller)
  const given = argumentsOf(controller, name)
  const body = given.find(({ kind, schema }) => kind === RouteParamtypes.BODY && schema)
  const parameters: Json[] = [
    ...given
      .filter(({ kind }) => kind === RouteParamtypes.PARAM)
      .map(({ data, schema }) => ({ name: data, in: 'path', required: true, schema: schema ? jsonSchema(schema, 'input') : { type: 'string' } })),
    ...given.filter(({ kind, schema }) => kind === RouteParamtypes.QUERY && schema).flatMap(({ schema }) => queryParameters(schema as z.ZodType)),
    method === 'get' ? waitFor : idempotencyKey,
  ]
  const who = requirement
    ? `Needs \`${requirement.action}\` on \`${requirement.resource}\`.`
    : entrance === 'self'
      ? 'For the signed-in user, on their own data.'
      : ''
  const codes = [...refusalsOf(handler), ...usualCodes(method, entrance, parameters.length > 1)]
  const success = answer?.schema
    ? { 'application/json': { schema: jsonSchema(answer.schema, 'output'), ...(answer.example === undefined ? {} : { example: answer.example }) } }
    : undefined
  return {
    operationId: `${described.service}.${controller.name.replace(/Controller$/, '')}.${name}`,
    tags: [described.title],
    ...(answer?.summary ? { summary: answer.summary } : {}),
    description: [answer?.description, who].filter(Boolean).join(' '),
    ...(entrance === 'public' ? { security: [] } : {}),
    parameters,
    ...(body?.schema ? { requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(body.schema, 'input') } } } } : {}),
    responses: {
      [String(answer?.status ?? 200)]: { description: answer?.description ?? answer?.summary ?? 'Done.', ...(success ? { content: success } : {}) },
      ...problemAnswers([...new Set(codes)], { ...commonProblems, ...described.problems }),
    },
  }
}

const join = (...parts: readonly string[]): string =>
  `/${parts
    .flatMap((part) => part.split('/'))
    .filter(Boolean)
    .join('/')}`

const schemaOf = (schema: AnySchema, io: 'input' | 'output'): Json => (schema instanceof z.ZodType ? jsonSchema(schema, io) : { ...schema })

/** Answers of one status become one response with a content for each media type. */
const rawAnswers = ({ answers }: RawRoute): Record<string, Json> => {
  const responses: Record<string, Json & { content?: Json }> = {}
  for (const { status, description, type, schema, example, headers } of answers) {
    const response = (responses[status] ??= { description })
    if (response.description !== description) response.description = `${String(response.description)}\n\n${description}`
    if (type)
      response.content = {
        ...response.content,
        [type]: { ...(schema ? { schema: schemaOf(schema, 'output') } : {}), ...(example === undefined ? {} : { example }) },
      }
    if (headers) response.headers = Object.fromEntries(Object.entries(headers).map(([name, says]) => [name, { description: says, schema: { type: 'string' } }]))
  }
  return responses
}

const both = (one: Json | undefined, other: Json): Json =>
  one
    ? { ...one, description: `${String(one.description)}\n\n${String(other.description)}`, content: { ...(one.content as Json), ...(other.content as Json) } }
    : other

const rawOperation = (route: RawRoute, described: DescribedService): Json => {
  const { body, params = {} } = route
  const responses = rawAnswers(route)
  const problems = problemAnswers(route.problems ?? [], { ...commonProblems, ...described.problems })
  for (const [status, answer] of Object.entries(problems)) responses[status] = both(responses[status], answer as Json)
  const example = body?.example === undefined ? {} : { example: body.example }
  return {
    operationId: `${described.service}.${route.id}`,
    tags: [described.title],
    summary: route.summary,
    description: route.description,
    security: route.security ?? [],
    parameters: [
      ...Object.entries(params).map(([name, schema]) => ({ name, in: 'path', required: true, schema: jsonSchema(schema, 'input') })),
      ...(route.query ? queryParameters(route.query) : []),
    ],
    ...(body
      ? {
          requestBody: {
            required: body.required ?? true,
            content: { [body.type ?? 'application/x-www-form-urlencoded']: { schema: jsonSchema(body.schema, 'input'), ...example } },
          },
        }
      : {}),
    responses,
  }
}

/** Every operation whose handler declares its answer, and every raw route that the service declares. */
export const makeApiDocument = (controllers: readonly Type[], described: DescribedService, raw: RawRoutes = { routes: [] }): ApiDocument => {
  const paths: Record<string, Json> = {}
  for (const controller of controllers) {
    const prefix = Reflect.getMetadata(PATH_METADATA, controller) as string
    for (const name of Object.getOwnPropertyNames(controller.prototype)) {
      const handler = (controller.prototype as Record<string, unknown>)[name]
      if (typeof handler !== 'function' || name === 'constructor' || !answerOf(handler)) continue
      const method = methodNames[Reflect.getMetadata(METHOD_METADATA, handler) as number]
      if (!method) continue
      const path = join(prefix, Reflect.getMetadata(PATH_METADATA, handler) as string).replaceAll(/:(\w+)/g, '{$1}')
      ;(paths[path] ??= {})[method] = operation(controller, name, method, described)
    }
  }
  for (const route of raw.routes) {
    if (paths[route.path]?.[route.method]) throw new Error(`${route.method} ${route.path} is described twice`)
    ;(paths[route.path] ??= {})[route.method] = rawOperation(route, described)
  }
  const schemas = Object.fromEntries(Object.entries(raw.schemas ?? {}).map(([name, schema]) => [name, jsonSchema(schema, 'output')]))
  return {
    paths,
    components: { schemas: { ...schemas, Problem: problemSchema(Object.keys(described.problems)) }, securitySchemes: raw.securitySchemes ?? {} },
  }
}
