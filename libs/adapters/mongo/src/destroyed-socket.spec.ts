import { createRequire } from 'node:module'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { failOnDestroyedSockets } from './destroyed-socket.js'

const require = createRequire(createRequire(import.meta.url).resolve('mongoose'))
const { Connection } = require('mongodb/lib/cmap/connection.js')
const { ns } = require('mongodb/lib/utils.js')

/** A connection of the driver, which declares no types for its inside, to a server that takes everything and says nothing. */
const withConnection = async (use: (connection: any, socket: Socket, peer: Socket) => Promise<void>): Promise<void> => {
  let accepted = (_peer: Socket): void => {}
  const peer = new Promise<Socket>((resolve) => (accepted = resolve))
  const server = createServer((one) => accepted(one.on('error', () => undefined).resume()))
  // Where the driver waits for ever the test fails by its time limit, and must not keep the process.
  server.unref()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  try {
    await use(new Connection(socket, { id: 1, hostAddress: { toString: () => 'peer' }, generation: 0, logicalSessionTimeoutMinutes: 0 }), socket, await peer)
  } finally {
    socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

beforeAll(() => failOnDestroyedSockets())

test('a command on a connection whose socket is destroyed fails at once, and so does the connection', () =>
  withConnection(async (connection, socket) => {
    socket.destroy()
    // 'close' has not come yet: to the driver the connection is open.
    expect(connection.closed).toBe(false)
    await expect(connection.command(ns('admin.$cmd'), { hello: 1 }, {})).rejects.toMatchObject({ name: 'MongoNetworkError' })
    expect(connection.closed).toBe(true)
  }))

test('a command that was sent fails when its connection is closed', () =>
  withConnection(async (connection, socket) => {
    const sent = connection.command(ns('admin.$cmd'), { hello: 1 }, {})
    setImmediate(() => socket.destroy())
    await expect(sent).rejects.toMatchObject({ name: 'MongoNetworkError' })
  }))

test('a command on a connection that the server has just ended fails like any on a lost one', () =>
  withConnection(async (connection, socket, peer) => {
    const ended = new Promise((resolve) => socket.once('end', resolve))
    peer.end()
    await ended
    await expect(connection.command(ns('admin.$cmd'), { hello: 1 }, {})).rejects.toMatchObject({ name: 'MongoNetworkError' })
    expect(connection.closed).toBe(true)
  }))
