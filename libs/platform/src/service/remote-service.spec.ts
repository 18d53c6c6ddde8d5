import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RemoteUnderTest, type CopyHandler } from '../testing/remote-under-test.js'
import { startingHeader } from './remote-answer.js'

let under: RemoteUnderTest
beforeEach(() => {
  under = new RemoteUnderTest()
})
afterEach(() => under.close())
const copy = (handle: CopyHandler) => under.copy(handle)
const gateway = (...urls: string[]) => under.gateway(...urls)
const described = () => under.described()

test('a request goes on as it came, with its ids and the address it came from; the answer comes back as it is', async () => {
  let seen: { method?: string; url?: string; headers: IncomingMessage['headers']; body: string } | undefined
  const { url } = await copy((request, response, body) => {
    seen = { method: request.method, url: request.url, headers: request.headers, body }
    response.writeHead(
      201,
      [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['x-own', 'yes'],
      ].flat(),
    )
    response.end('{"made":true}')
  })
  const base = await gateway(url)
  const answer = await fetch(`${base}/api/v1/notes?x=%2F`, {
    method: 'POST',
    body: '{"title":"ü"}',
    headers: { 'content-type': 'application/json', 'x-request-id': 'order-4711', 'x-forwarded-for': '192.0.2.7', te: 'trailers' },
  })
  expect([answer.status, await answer.text(), answer.headers.get('x-own'), answer.headers.getSetCookie()]).toEqual([
    201,
    '{"made":true}',
    'yes',
    ['a=1', 'b=2'],
  ])
  expect(seen).toMatchObject({ method: 'POST', url: '/api/v1/notes?x=%2F', body: '{"title":"ü"}' })
  expect(seen?.headers).toMatchObject({ 'x-request-id': 'order-4711', 'x-forwarded-for': '192.0.2.7, 127.0.0.1', traceparent: expect.stringMatching(/^00-/) })
  expect(seen?.headers.te).toBeUndefined()
})

test('a copy that is gone is passed over, whatever the method', async () => {
  let calls = 0
  const { url } = await copy((_request, response) => {
    calls++
    response.end('{}')
  })
  const base = await gateway(await under.goneUrl(), url)
  for (let n = 0; n < 6; n++) expect((await fetch(`${base}/api/v1/notes`, { method: 'POST', body: '{}' })).status).toBe(200)
  expect(calls).toBe(6)
})

test.each([
  ['GET', {}, 200, 1],
  ['POST', {}, 503, 0],
  ['POST', { 'idempotency-key': 'key-1' }, 200, 1],
])('when a copy dies over a %s with %j, the answer is %i', async (method, headers, status, repeated) => {
  const dying = await copy((request) => request.socket.destroy())
  let calls = 0
  const living = await copy((_request, response) => {
    calls++
    response.end('{}')
  })
  const base = await gateway(dying.url, living.url)
  await described()
  // The order of the copies goes round, and the look for the description took a turn.
  const answers = [await fetch(`${base}/a`, { method, headers }), await fetch(`${base}/a`, { method, headers })].map((answer) => answer.status)
  expect(answers.toSorted()).toEqual([200, status])
  expect(calls).toBe(1 + repeated)
})

test('a copy that is still starting has done nothing, so the next one is asked, whatever the method', async () => {
  let refused = 0
  const starting = await copy((_request, response) => {
    refused++
    response.writeHead(503, { [startingHeader]: 'true', 'retry-after': '1' }).end('{}')
  })
  const bodies: string[] = []
  const living = await copy((_request, response, body) => {
    bodies.push(body)
    response.end('{}')
  })
  const base = await gateway(starting.url, living.url)
  await described()
  const post = (body: string) => fetch(`${base}/a`, { method: 'POST', body })
  expect([(await post('1')).status, (await post('2')).status, (await post('3')).status]).toEqual([200, 200, 200])
  expect(bodies).toEqual(['1', '2', '3'])
  // It rests for a while then.
  expect(refused).toBeLessThanOrEqual(1)
})

test('a copy that is still starting is passed over even if its answer breaks off', async () => {
  const starting = await copy((request, response) => {
    response.writeHead(503, { [startingHeader]: 'true', 'content-length': '10' }).write('{', () => request.socket.destroy())
  })
  const living = await copy((_request, response) => void response.end('{}'))
  const base = await gateway(living.url, starting.url)
  await described()
  expect((await fetch(`${base}/a`, { method: 'POST', body: '1' })).status).toBe(200)
})

test('where all copies are starting their answer is the answer, without what it says to us', async () => {
  const starting = () =>
    copy((_request, response) => void response.writeHead(503, { [startingHeader]: 'true', 'retry-after': '1' }).end('{"code":"service.unavailable"}'))
  const base = await gateway((await starting()).url, (await starting()).url)
  await described()
  const answer = await fetch(`${base}/a`, { method: 'POST', body: '1' })
  expect([answer.status, answer.headers.get('retry-after'), answer.headers.has(startingHeader), await answer.json()]).toEqual([
    503,
    '1',
    false,
    { code: 'service.unavailable' },
  ])
})

test('a busy copy is not passed over: it has thought about it', async () => {
  let calls = 0
  const busy = () =>
    copy((_request, response) => {
      calls++
      response.writeHead(503, { 'retry-after': '2' }).end('{"code":"service.overloaded"}')
    })
  const base = await gateway((await busy()).url, (await busy()).url)
  await described()
  expect([(await fetch(`${base}/a`, { method: 'POST', body: '1' })).status, calls]).toEqual([503, 1])
})

test('without any copy the answer is a problem that says when to come again, and the service is named as missing', async () => {
  const base = await gateway(await under.goneUrl(), await under.goneUrl())
  const answer = await fetch(`${base}/api/v1/notes`)
  expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('content-type')]).toEqual([503, '1', 'application/problem+json; charset=utf-8'])
  expect(await answer.json()).toMatchObject({ code: 'service.unavailable' })
  expect(under.logged.map((line) => JSON.parse(line))).toMatchObject([{ level: 'warn', to: 'notes', reason: 'ECONNREFUSED' }])
  expect(await under.service?.status()).toMatchObject({ service: 'notes', ready: false, lastError: 'no copy answers' })
})

test('how a service is, all its copies say together, and one that does not answer is told of', async () => {
  const saying = (done: number, events: number) =>
    under.listen((request, response) => {
      const consumer = {
        name: 'view:notes',
        positions: { 'notes:0': done },
        pending: 0,
        lag: { events, seconds: 1 },
        behind: { 'notes:0': { events, seconds: 1 } },
        parked: [],
      }
      const service = { service: 'notes', ready: true, version: '1', relay: { events: 0, seconds: 0 }, consumers: [consumer] }
      const answer = request.url === '/readyz' ? { services: [service] } : { name: 'notes', title: 'Notes', routes: ['/api/v1/notes'], problems: {} }
      response.end(JSON.stringify(answer))
    })
  const copies = [await saying(4, 6), await saying(10, 0)]
  await gateway(...copies.map(({ url }) => url), await under.goneUrl())
  await described()
  expect(await under.service?.status()).toEqual({
    service: 'notes',
    ready: true,
    version: '1',
    relay: { events: 0, seconds: 0 },
    consumers: [{ name: 'view:notes', positions: { 'notes:0': 10 }, pending: 0, lag: { events: 0, seconds: 0 }, behind: {}, parked: [] }],
    lastError: '2 of 3 copies answer',
  })
})

test.each([1024 * 1024 + 1, 8 * 1024 * 1024])('a body of %i bytes, which no operation takes, is read and not sent on', async (length) => {
  let calls = 0
  const { url } = await copy(() => calls++)
  const base = await gateway(url)
  const answer = await fetch(`${base}/api/v1/notes`, { method: 'POST', body: 'x'.repeat(length) })
  expect([answer.status, (await answer.json()).code, calls]).toEqual([413, 'request.body.too-large', 0])
})

test('a service that is not ready yet is asked again what it is', async () => {
  let asked = 0
  const { url } = await under.listen((_request, response) => {
    asked++
    if (asked === 1) response.writeHead(503).end('{"code":"service.unavailable"}')
    else response.end(JSON.stringify({ name: 'notes', title: 'Notes', routes: ['/api/v1/notes'], problems: {} }))
  })
  await gateway(url)
  await described()
  expect([asked, under.service?.routes]).toEqual([2, ['/api/v1/notes']])
})

test('a service that starts after the gateway is known as soon as it is there', async () => {
  const { server, url } = await under.listen((_request, response) =>
    response.end(JSON.stringify({ name: 'notes', title: 'Notes', routes: ['/api/v1/notes'], problems: {} })),
  )
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  await gateway(url)
  expect([under.service?.known, under.service?.routes]).toEqual([false, []])
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  await described()
  expect([under.service?.title, under.service?.routes]).toEqual(['Notes', ['/api/v1/notes']])
})
