import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isPublicAddress, Outbound } from './outbound.js'

test.each([
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['172.31.0.1', false],
  ['172.32.0.1', true],
  ['192.168.1.1', false],
  ['169.254.169.254', false],
  ['100.64.0.1', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['9.9.9.9', true],
  ['::1', false],
  ['::', false],
  ['fe80::1', false],
  ['fd00::1', false],
  ['::ffff:10.0.0.1', false],
  ['::ffff:a00:1', false],
  ['64:ff9b::a00:1', false],
  ['2620:fe::9', true],
  ['not an address', false],
])('%s is public: %s', (address, expected) => expect(isPublicAddress(address)).toBe(expected))

describe('a call', () => {
  let server: Server
  let port: number
  let calls = 0
  beforeAll(async () => {
    server = createServer((_request, response) => {
      calls++
      response.writeHead(302, { location: 'http://127.0.0.1/elsewhere' }).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  it.each(['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1'])('to %s is refused before anything is sent', async (host) => {
    const before = calls
    const outcome = await new Outbound(new Set()).fetch(`http://${host}:${port}/`).catch((error: Error) => `${error.message} ${String(error.cause ?? '')}`)
    expect(outcome).toContain('not a public one')
    expect(calls).toBe(before)
  })

  it('goes to a host that is named, and does not follow where it is sent', async () => {
    const before = calls
    const { status } = await new Outbound(new Set(['127.0.0.1'])).fetch(`http://127.0.0.1:${port}/`)
    expect([status, calls]).toEqual([302, before + 1])
  })
})
