/** A TCP proxy that cuts connections: when it is told to, the next command reaches the server and its answer reaches nobody. */
import { connect, createServer, type Socket } from 'node:net'

export interface CuttingProxy {
  readonly url: string
  /** The next so many answers are swallowed, each with its connection. */
  cut(answers: number): void
  readonly cuts: () => number
  close(): Promise<void>
}

export const cuttingProxy = async (url: string): Promise<CuttingProxy> => {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let left = 0
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 27017), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    let hello = true
    client.on('data', (chunk) => upstream.write(chunk))
    upstream.on('data', (chunk) => {
      // A connection that is not greeted yet has done nothing.
      if (left > 0 && !hello) {
        left--
        cuts++
        upstream.destroy()
        return
      }
      hello = false
      client.write(chunk)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const through = new URL(url)
  through.host = `127.0.0.1:${(server.address() as { port: number }).port}`
  return {
    url: through.href,
    cut: (answers) => (left += answers),
    cuts: () => cuts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
