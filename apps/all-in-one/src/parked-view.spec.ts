/** Promise 9, through the door: a view that throws on one event parks that stream alone; the operator sees it and can retry. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adminService } from '@pavan/admin/admin.service.js'
import { authorizationService } from '@pavan/authorization/authorization.service.js'
import { gatewayService } from '@pavan/gateway/gateway.service.js'
import { identityService } from '@pavan/identity/identity.service.js'
import { SystemClock } from '@pavan/kernel'
import { LocalKeyEncryptionKey } from '@pavan/platform/privacy/kek.js'
import type { ServiceDefinition } from '@pavan/platform/service/define-service.js'
import { runServices, type Running } from '@pavan/platform/service/run-services.js'
import { makeLog } from '@pavan/platform/telemetry/log.js'
import { until } from '@pavan/platform/testing/until.js'
import type { ViewDefinition } from '@pavan/platform/views/define-view.js'
import { sqliteAdapters } from '@pavan/sqlite'

let broken = true
/** The view of applications with a mistake in it. */
const mistaken = (view: ViewDefinition): ViewDefinition =>
  view.name !== 'applications'
    ? view
    : {
        ...view,
        on: view.on.map((handler) => ({
          ...handler,
          handle: (event, current) => {
            if (broken && (event.data as { name?: string }).name === 'Poison') throw new Error('this view has a mistake')
            return handler.handle(event, current)
          },
        })),
      }
const admin: ServiceDefinition = { ...adminService, views: adminService.views?.map(mistaken) }

const folder = mkdtempSync(join(tmpdir(), 'pavan-parked-'))
const lines: Record<string, unknown>[] = []
let running: Running
let token: string
beforeAll(async () => {
  const clock = new SystemClock()
  running = await runServices({
    services: [admin, identityService, authorizationService, gatewayService],
    adapters: sqliteAdapters({ folder: ':memory:', clock, claimKey: new Uint8Array(32).fill(1) }),
    clock,
    env: { PAVAN_OPERATOR_FILE: join(folder, 'operator.json'), PAVAN_RATE_LIMITS: 'off' },
    kek: new LocalKeyEncryptionKey(new Uint8Array(32).fill(2)),
    log: makeLog({ level: 'warn', format: 'json', destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) } }),
    trustProxy: 0,
    version: 'spec',
    port: 0,
    host: '127.0.0.1',
  })
  const { clientId, clientSecret } = JSON.parse(readFileSync(join(folder, 'operator.json'), 'utf8')) as Record<string, string>
  const answer = await fetch(`${running.baseUrl}/t/main/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
  })
  token = ((await answer.json()) as { access_token: string }).access_token
}, 30_000)
afterAll(async () => {
  await running?.close()
  rmSync(folder, { recursive: true, force: true })
})

const call = async (method: string, path: string, json?: unknown) => {
  const response = await fetch(`${running.baseUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text), etag: response.headers.get('etag') ?? '' }
}
const create = async (name: string) => (await call('POST', '/api/v1/admin/applications', { name })).body.id as string
const names = async () =>
  ((await call('GET', '/api/v1/admin/applications?limit=100')).body.items as { name: string }[]).map(({ name }) => name).filter((name) => name !== 'Management')
const ready = async () => {
  const { status, body } = await call('GET', '/readyz')
  const consumers = (body.services as { service: string; consumers: { view?: string; parked: any[] }[] }[]).flatMap((one) => one.consumers)
  return { status, state: body.status as string, parked: consumers.flatMap(({ view, parked }) => parked.map((one) => ({ view, ...one }))) }
}
const retry = (stream: string) => call('POST', '/api/v1/system/admin/views/applications/retry', { stream })

test('the stream waits in order, the others go on, and a retry after the repair brings everything back', async () => {
  const before = await names()
  const poison = await create('Poison')
  await until(async () => (await ready()).parked.length === 1, 'the parked stream')
  await create('Good')
  await until(async () => (await names()).includes('Good'), 'the other stream')
  // A later event of the stream must not pass the first, though the view could take it.
  expect((await call('PUT', `/api/v1/admin/applications/${poison}`, { name: 'Cured' })).status).toBe(200)
  await until(async () => (await ready()).parked[0]?.waiting === 2, 'the second event to wait')
  expect(await names()).toEqual(expect.arrayContaining([...before, 'Good']))
  expect(await names()).not.toContain('Cured')

  const { status, state, parked } = await ready()
  expect({ status, state }).toEqual({ status: 200, state: 'degraded' })
  const [{ stream }] = parked as [{ stream: string }]
  expect(parked).toEqual([expect.objectContaining({ view: 'applications', type: 'application.created', error: 'Error: this view has a mistake', waiting: 2 })])
  expect(stream).toMatch(new RegExp(`^admin/ten_\\w+/application/${poison}$`))
  expect(lines.filter(({ message }) => message === 'an event could not be processed; its stream is parked')).toEqual([
    expect.objectContaining({ level: 'error', service: 'admin', stream, type: 'application.created', reason: 'Error: this view has a mistake' }),
  ])

  expect((await retry(stream)).body).toEqual({ through: false })
  broken = false
  expect((await retry(stream)).body).toEqual({ through: true })
  expect(await ready()).toMatchObject({ status: 200, state: 'ok', parked: [] })
  expect(await names()).toEqual(expect.arrayContaining(['Good', 'Cured']))
}, 30_000)
