import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { readInOneGo } from './short-body.js'

const collect = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer)
  return `${chunks.length}:${Buffer.concat(chunks).toString()}`
}

/** What a server reads of a request whose parts come one after the other; the last step may end the connection. */
const read = async (head: string, ...steps: readonly ((socket: Socket) => void)[]): Promise<string> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const outcome = new Promise<string>((resolve) => {
    server.on('request', (request, response) => {
      readInOneGo(request)
      const body = collect(request)
      for (const step of steps) step(socket)
      body.then(
        (text) => {
          response.end()
          resolve(text)
        },
        (error: Error) => resolve(error.message),
      )
    })
  })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`POST / HTTP/1.1\r\nhost: test\r\n${head}\r\n\r\n`)
  try {
    return await outcome
  } finally {
    socket.destroy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const write = (text: string) => (socket: Socket) => void socket.write(text)

test('a body of known length comes whole, in however many packets it was sent', async () => {
  expect(await read('content-length: 11', write('hello '), write('world'))).toBe('1:hello world')
})

test('an empty body is empty', async () => {
  expect(await read('content-length: 0')).toBe('1:')
})

test('a body that breaks off is an error, not a short body', async () => {
  expect(await read('content-length: 11', write('hello '), (socket) => socket.destroy())).toBe('the request was broken off')
})

test('a body that is long, or says nothing of its length, is left to the reader', async () => {
  expect(await read('transfer-encoding: chunked', write('5\r\nhello\r\n'), write('0\r\n\r\n'))).toMatch(/^1:hello$/)
  const long = 'x'.repeat(200_000)
  const [count] = (await read(`content-length: ${long.length}`, write(long))).split(':')
  expect(Number(count)).toBeGreaterThan(1)
})
