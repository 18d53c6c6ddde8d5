/** The API description says everything that is there: each route that a service registers, in valid OpenAPI 3.1. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { adminService } from '@pavan/admin/admin.service.js'
import { analyticsService } from '@pavan/analytics/analytics.service.js'
import { auditService } from '@pavan/audit/audit.service.js'
import { authorizationService } from '@pavan/authorization/authorization.service.js'
import { gatewayService } from '@pavan/gateway/gateway.service.js'
import { describeSystem } from '@pavan/gateway/open-api.js'
import { identityService } from '@pavan/identity/identity.service.js'
import type { ApiDocument, ServiceDirectory } from '@pavan/platform/service/service-directory.js'
import { ServiceUnderTest } from '@pavan/platform/testing/service-under-test.js'
import { profilesService } from '@pavan/profiles/profiles.service.js'
import { sqliteAdapters } from '@pavan/sqlite'
import { SystemClock } from '@pavan/kernel'

const definitions = [adminService, identityService, authorizationService, profilesService, auditService, analyticsService, gatewayService]

const running: ServiceUnderTest[] = []
let document: ApiDocument
beforeAll(async () => {
  for (const definition of definitions) {
    const started = await ServiceUnderTest.start(
      definition,
      sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32).fill(1) }),
    )
    running.push(started)
  }
  const directory = { baseUrl: 'http://localhost:8080', list: () => running.map(({ host }) => host) } as unknown as ServiceDirectory
  document = await describeSystem(directory, '0.1.0')
}, 60_000)
afterAll(async () => {
  for (const one of running) await one.close()
})

/** HEAD is GET without a body (RFC 9110 section 9.3.2) and OPTIONS is CORS: both come with the other methods. */
const implied = new Set(['HEAD', 'OPTIONS'])

test.each(definitions.map(({ name }, index) => [name, index] as const))('every route of %s is in the document', (_name, index) => {
  const missing = (running[index] as ServiceUnderTest).host
    .registered()
    .flatMap(({ url, methods }) => methods.filter((method) => !implied.has(method)).map((method) => ({ method, path: url.replaceAll(/:(\w+)/g, '{$1}') })))
    .filter(({ method, path }) => !document.paths[path]?.[method.toLowerCase()])
    .map(({ method, path }) => `${method} ${path}`)
  expect(missing).toEqual([])
})

test('every operation of the document is registered', () => {
  const registered = new Set(
    running.flatMap(({ host }) =>
      host.registered().flatMap(({ url, methods }) => methods.map((method) => `${method.toLowerCase()} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)),
    ),
  )
  const invented = Object.entries(document.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`))
  expect(invented.length).toBeGreaterThan(120)
  expect(invented.filter((operation) => !registered.has(operation))).toEqual([])
})

test('it is valid OpenAPI 3.1', async () => {
  const validator = new Validator()
  const result = await validator.validate(JSON.parse(JSON.stringify(document)))
  expect(result.errors).toBeUndefined()
  expect(result).toMatchObject({ valid: true })
  expect(validator.version).toBe('3.1')
})

test('it keeps the rules that a schema cannot say', () => {
  const operations = Object.entries(document.paths).flatMap(([path, item]) => Object.values(item).map((operation) => ({ path, ...(operation as any) })))
  const ids = operations.map(({ operationId }) => operationId)
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
  const { schemas, securitySchemes } = document.components as { schemas: object; securitySchemes: object }
  for (const { path, parameters, security = [], summary, operationId } of operations) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()
    const given = parameters
      .filter((one: any) => one.in === 'path')
      .map((one: any) => one.name)
      .sort()
    expect([operationId, given]).toEqual([operationId, named])
    expect([operationId, typeof summary]).toEqual([operationId, 'string'])
    for (const name of security.flatMap((one: object) => Object.keys(one))) expect(securitySchemes).toHaveProperty([name])
  }
  for (const [, name] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) expect(schemas).toHaveProperty([name as string])
})

test('a route that nobody describes would be found', async () => {
  const secret = { ...gatewayService, mount: (fastify: any) => fastify.get('/undescribed', () => 'here') }
  const adapters = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32).fill(1) })
  const started = await ServiceUnderTest.start(secret, adapters)
  running.push(started)
  expect(started.host.registered().map(({ url }) => url)).toContain('/undescribed')
  expect((await started.host.document()).paths).not.toHaveProperty(['/undescribed'])
})
