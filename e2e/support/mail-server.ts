/** A mail server that keeps what it gets: as much of SMTP (RFC 5321) as a sender needs, and a way to refuse for a while. */
import { createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

export class MailServer implements AsyncDisposable {
  /** Whole messages, headers included. */
  readonly mails: string[] = []
  /** How many of the next messages are refused for now (section 4.2.1: 451). */
  refusing = 0
  refused = 0

  private constructor(
    private readonly server: Server,
    private readonly sockets: Set<Socket>,
  ) {}

  static async start(): Promise<MailServer> {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      socket.on('error', () => socket.destroy())
      mail.#talk(socket)
    })
    const mail = new MailServer(server, sockets)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return mail
  }

  /** For PAVAN_SMTP_URL. */
  get url(): string {
    return `smtp://127.0.0.1:${(this.server.address() as { port: number }).port}`
  }

  #talk(socket: Socket): void {
    let message: string[] | undefined
    socket.write('220 spec\r\n')
    createInterface(socket).on('line', (line) => {
      if (message) {
        if (line !== '.') return void message.push(line)
        this.mails.push(message.join('\n'))
        message = undefined
        socket.write('250 kept\r\n')
      } else if (/^DATA/i.test(line)) {
        if (this.refusing > 0) {
          this.refusing--
          this.refused++
          socket.write('451 later\r\n')
        } else {
          message = []
          socket.write('354 go on\r\n')
        }
      } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n')
      else socket.write('250 ok\r\n')
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }
}
