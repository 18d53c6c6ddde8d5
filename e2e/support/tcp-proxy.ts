/** A connection to a server that a spec can cut, slow down, or make deaf in one direction. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export class TcpProxy implements AsyncDisposable {
  readonly #pairs = new Set<{ readonly client: Socket; readonly server: Socket }>()
  #delay = 0
  #deaf = false

  private constructor(private readonly listener: Server) {}

  static async to(host: string, port: number): Promise<TcpProxy> {
    const listener = createServer()
    const proxy = new TcpProxy(listener)
    listener.on('connection', (client) => proxy.#join(client, connect(port, host)))
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port
  }

  /** Ends every connection now. What was sent may have arrived. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy()
      server.destroy()
    }
  }

  /** Lets commands through and keeps the answers back, then ends every connection: after the write, before the answer. */
  async cutBeforeAnswers(milliseconds: number): Promise<void> {
    this.#deaf = true
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    this.cut()
    this.#deaf = false
  }

  /** Every answer comes so much later, in milliseconds. */
  slow(milliseconds: number): void {
    this.#delay = milliseconds
  }

  #join(client: Socket, server: Socket): void {
    const pair = { client, server }
    this.#pairs.add(pair)
    client.setNoDelay(true)
    server.setNoDelay(true)
    client.on('data', (part) => server.write(part))
    server.on('data', (part) => {
      if (this.#deaf) return
      if (this.#delay === 0) client.write(part)
      else setTimeout(() => client.write(part), this.#delay)
    })
    const end = (): void => {
      this.#pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.on('close', end).on('error', end)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.listener.close(resolve))
    this.cut()
    await closed
  }
}
