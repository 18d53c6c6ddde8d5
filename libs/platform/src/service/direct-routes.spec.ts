import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { makeLog } from '../telemetry/log.js'
import { directly } from './direct-routes.js'

const lines: Record<string, unknown>[] = []
const log = makeLog({ format: 'json', destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) } })

let server: Server
let base: string
beforeAll(async () => {
  const handle = directly(
    (request) =>
      request.url === '/t/acme/token'
        ? { route: '/t/:slug/token', handle: (_request, response) => void response.writeHead(503).end('from the engine') }
        : undefined,
    (_request, response) => void response.end('from the router'),
    'identity',
    log,
  )
  server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))
beforeEach(() => void lines.splice(0))

test('a direct route is answered by its engine, and its line names the pattern, the ids of the answer and no URL', async () => {
  const response = await fetch(`${base}/t/acme/token`, { method: 'POST', headers: { 'x-request-id': 'req-of-caller', connection: 'close' } })
  expect([response.status, await response.text()]).toEqual([503, 'from the engine'])
  expect(response.headers.get('x-request-id')).toBe('req-of-caller')
  const traceId = response.headers.get('traceparent')?.split('-')[1]
  expect(lines).toMatchObject([
    {
      level: 'warn',
      message: 'request',
      method: 'POST',
      route: '/t/:slug/token',
      status: 503,
      ms: expect.any(Number),
      request_id: 'req-of-caller',
      trace_id: traceId,
    },
  ])
  expect(JSON.stringify(lines)).not.toContain('acme')
})

test('everything else goes to the router, which notes it itself', async () => {
  const response = await fetch(`${base}/t/acme/other`, { headers: { connection: 'close' } })
  expect(await response.text()).toBe('from the router')
  expect(lines).toEqual([])
})
