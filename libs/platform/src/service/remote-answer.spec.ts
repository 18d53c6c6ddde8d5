import { createHash, randomBytes } from 'node:crypto'
import { Agent, get, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { RemoteUnderTest } from '../testing/remote-under-test.js'
import { until } from '../testing/until.js'

let under: RemoteUnderTest
const agents: Agent[] = []
beforeEach(() => {
  under = new RemoteUnderTest()
})
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy()
  await under.close()
})

/** Asks on a connection of its own; the answer's body is not read yet. */
const ask = (url: string, options: { readonly method?: string; readonly headers?: Record<string, string> } = {}): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    send(url, { agent: false, ...options }, resolve)
      .on('error', reject)
      .end()
  })
const textOf = async (answer: IncomingMessage): Promise<string> => (await answer.toArray()).map(String).join('')
/** Asks and waits for no answer. */
const begin = (url: string, agent?: Agent) => get(url, { agent: agent ?? false }).on('error', () => {})
const connectionTo = async (url: string): Promise<Socket> => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  return socket
}

test('when the caller goes away before the answer, the copy hears of it, no other one is asked, and the copy need not rest', async () => {
  const asked: { readonly copy: number; readonly response: ServerResponse }[] = []
  const waiting = (copy: number) => under.copy((_request, response) => asked.push({ copy, response }))
  const base = await under.gateway((await waiting(0)).url, (await waiting(1)).url)
  await under.described()
  const call = begin(`${base}/a`)
  await until(() => asked.length === 1, 'the request')
  call.destroy()
  await until(() => asked[0]?.response.destroyed === true, 'the copy to be left')
  for (const [at, path] of ['/b', '/c'].entries()) {
    begin(`${base}${path}`)
    await until(() => asked.length > at + 1, 'the next request')
  }
  // Had the first one gone on to the other copy, it would have been there before these.
  expect(asked.map(({ copy, response }) => [copy, response.req.url])).toEqual([
    [1, '/a'],
    [0, '/b'],
    [1, '/c'],
  ])
  expect(under.logged).toEqual([])
})

test.each([256, 4_096, 4_352])('%i bytes of every value and a text of many scripts come as they were sent', async (length) => {
  const bytes = Buffer.from(Array.from({ length }, (_, i) => i % 256))
  const text = Buffer.from(JSON.stringify({ name: 'Ægir 漢字 🦩' }))
  const { url } = await under.copy((request, response) => {
    const body = request.url === '/text' ? text : bytes
    response.writeHead(200, { 'content-length': String(body.length) }).end(body)
  })
  const base = await under.gateway(url)
  for (const [path, sent] of [['/text', text] as const, ['/bytes', bytes] as const]) {
    const received = Buffer.concat((await (await ask(`${base}${path}`)).toArray()) as Buffer[])
    expect(received.equals(sent)).toBe(true)
  }
})

test('when the caller goes away in the middle of the body, the copy hears of it', async () => {
  let sent: ServerResponse | undefined
  const { url } = await under.copy((_request, response) => {
    sent = response
    response.writeHead(200, { 'content-length': '1000' }).write('beginning')
  })
  const answer = await ask(`${await under.gateway(url)}/a`)
  answer.destroy()
  await until(() => sent?.destroyed === true, 'the copy to be left')
})

test('a request that its caller breaks off is sent to nobody, and nobody is blamed for it', async () => {
  const asked: (string | undefined)[] = []
  const { url } = await under.copy((request, response) => {
    asked.push(request.url)
    response.end('{}')
  })
  const base = await under.gateway(url)
  await under.described()
  const socket = await connectionTo(base)
  socket.write('POST /broken HTTP/1.1\r\nhost: notes\r\ncontent-length: 10\r\n\r\n{')
  await until(() => under.answers.length === 1, 'the request')
  socket.destroy()
  await until(() => under.answers[0]?.destroyed === true, 'the caller to be gone')
  await textOf(await ask(`${base}/next`))
  expect([asked, under.logged]).toEqual([['/next'], []])
})

test('a caller that goes away while it waits for a free connection is never heard of and costs no connection', async () => {
  const held: ServerResponse[] = []
  let connections = 0
  const { server, url } = await under.copy((_request, response) => held.push(response))
  server.on('connection', () => connections++)
  const base = await under.gateway(url)
  await under.described()
  const agent = new Agent({ keepAlive: true })
  agents.push(agent)
  const finished: Promise<unknown>[] = []
  for (let n = 0; n < 128; n++)
    finished.push(new Promise((resolve) => begin(`${base}/held`, agent).on('response', (answer) => answer.resume().on('end', resolve))))
  await until(() => held.length === 128, 'all connections to be in use')
  const call = begin(`${base}/left`)
  await until(() => under.answers.length === 129, 'the request that waits')
  call.destroy()
  await until(() => under.answers[128]?.destroyed === true, 'the caller to be gone')
  for (const response of held) response.end('{}')
  await Promise.all(finished)
  finished.push(new Promise((resolve) => begin(`${base}/next`, agent).on('response', (answer) => answer.resume().on('end', resolve))))
  await until(() => held.length === 129, 'the next request')
  held[128]?.end('{}')
  await Promise.all(finished)
  expect([held[128]?.req.url, connections]).toEqual(['/next', 128])
})

test('of a large body a slow reader lets only so much through as it takes', async () => {
  const pieces = Array.from({ length: 800 }, () => randomBytes(64 * 1024))
  const total = pieces.length * 64 * 1024
  let written = 0
  const { url } = await under.copy((_request, response) => {
    response.writeHead(200, { 'content-length': String(total) })
    const rest = [...pieces]
    const go = () => {
      for (let piece = rest.shift(); piece; piece = rest.shift()) {
        written += piece.length
        if (!response.write(piece)) return void response.once('drain', go)
      }
      response.end()
    }
    go()
  })
  const answer = await ask(`${await under.gateway(url)}/a`)
  // It has not begun to read. All that the system's own buffers take goes on, and then nothing.
  let before = -1
  let still = 0
  await until(() => {
    still = written === before ? still + 1 : 0
    before = written
    return still === 30 || written === total
  }, 'the copy to stop')
  expect(under.answers[0]?.writableLength).toBeLessThan(1024 * 1024)
  const seen = createHash('sha256')
  for await (const part of answer) seen.update(part as Buffer)
  const meant = createHash('sha256')
  for (const piece of pieces) meant.update(piece)
  expect(seen.digest('hex')).toBe(meant.digest('hex'))
})

test.each([{ 'content-length': '1000' }, { 'transfer-encoding': 'chunked' }])(
  'when a copy dies in the middle of a body of %j, the answer breaks off',
  async (headers) => {
    let asked = 0
    const dying = () =>
      under.copy((request, response) => {
        asked++
        response.writeHead(200, headers).write('beginning', () => request.socket.destroy())
      })
    const answer = await ask(`${await under.gateway((await dying()).url, (await dying()).url)}/a`)
    expect([answer.statusCode, await textOf(answer).catch((error: NodeJS.ErrnoException) => error.code), asked]).toEqual([200, 'ECONNRESET', 1])
  },
)

test('an answer of which the head alone has come is not asked for again either', async () => {
  let asked = 0
  const dying = () =>
    under.copy((request, response) => {
      asked++
      response.writeHead(200, { 'content-length': '1000' }).flushHeaders()
      void until(() => under.answers[0]?.headersSent === true, 'the head').then(() => request.socket.destroy())
    })
  const base = await under.gateway((await dying()).url, (await dying()).url)
  await expect(ask(`${base}/a`)).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(asked).toBe(1)
})

test.each([
  ['HEAD', 200, '14'],
  ['GET', 204, undefined],
  ['GET', 304, '14'],
])('the answer to %s with %i has no body and keeps its headers', async (method, status, length) => {
  const { url } = await under.copy((_request, response) => {
    response.writeHead(status, { etag: '"7"', ...(length === undefined ? {} : { 'content-length': length }) }).end()
  })
  const answer = await ask(`${await under.gateway(url)}/a`, { method })
  expect([answer.statusCode, answer.headers.etag, answer.headers['content-length'], await textOf(answer)]).toEqual([status, '"7"', length, ''])
})

test('a body without a length, in pieces or none at all, arrives whole', async () => {
  const { url } = await under.copy((request, response) => {
    if (request.url === '/none') return void response.writeHead(200, { 'transfer-encoding': 'chunked' }).end()
    response.write('a', () => response.write('b', () => response.end('c')))
  })
  const base = await under.gateway(url)
  expect([await textOf(await ask(`${base}/pieces`)), await textOf(await ask(`${base}/none`))]).toEqual(['abc', ''])
})

test('what is meant for the next hop alone goes no further, in either direction; informational answers are left out', async () => {
  let seen: IncomingMessage['headers'] | undefined
  const { url } = await under.copy((request, response) => {
    seen = request.headers
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    response.writeHead(200, { 'x-own': 'yes', 'proxy-authenticate': 'Basic', trailer: 'x-sum', 'transfer-encoding': 'chunked' }).end('{}')
  })
  const base = await under.gateway(url)
  const headers = { connection: 'close, X-Mine', 'x-mine': '1', 'x-yours': '2', te: 'trailers', 'proxy-authorization': 'Basic eDp5', expect: '100-continue' }
  const answer = await ask(`${base}/a`, { headers })
  expect([answer.headers['x-own'], answer.headers['proxy-authenticate'], answer.headers.trailer, await textOf(answer)]).toEqual([
    'yes',
    undefined,
    undefined,
    '{}',
  ])
  expect(seen?.['x-yours']).toBe('2')
  for (const name of ['x-mine', 'te', 'proxy-authorization', 'expect']) expect(seen).not.toHaveProperty(name)
})

test('an idempotency key that goes no further does not make a request repeatable', async () => {
  let asked = 0
  const dying = () =>
    under.copy((request) => {
      asked++
      request.socket.destroy()
    })
  const base = await under.gateway((await dying()).url, (await dying()).url)
  await under.described()
  const answer = await ask(`${base}/a`, { method: 'POST', headers: { connection: 'idempotency-key', 'idempotency-key': 'key-1' } })
  expect([answer.statusCode, asked]).toEqual([503, 1])
})

test('head and body of a small answer leave in one piece', async () => {
  const { url } = await under.copy((_request, response) => response.writeHead(200, { 'content-length': '1200' }).end('x'.repeat(1200)))
  const base = await under.gateway(url)
  const socket = await connectionTo(base)
  let pieces = 0
  let text = ''
  socket.on('data', (part) => {
    pieces++
    text += String(part)
  })
  for (let n = 1; n <= 20; n++) {
    socket.write('GET /a HTTP/1.1\r\nhost: notes\r\n\r\n')
    await until(() => (text.match(/x{1200}/g)?.length ?? 0) === n, 'the answer')
  }
  socket.destroy()
  expect(pieces).toBe(20)
})
