/** A remote service with copies that do what a spec says, behind a server that hands everything to it as the gateway does. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RemoteService } from '../service/remote-service.js'
import { makeLog } from '../telemetry/log.js'
import { until } from './until.js'

export type CopyHandler = (request: IncomingMessage, response: ServerResponse, body: string) => void

export class RemoteUnderTest {
  readonly #servers: Server[] = []
  service: RemoteService | undefined
  /** What the gateway's side has answered or is answering. */
  readonly answers: ServerResponse[] = []
  readonly logged: string[] = []

  async listen(handler: RequestListener): Promise<{ server: Server; url: string }> {
    const server = createServer(handler)
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }

  /** A copy of a service, which describes itself. */
  copy(handle: CopyHandler): Promise<{ server: Server; url: string }> {
    return this.listen((request, response) => {
      if (request.url === '/service.json') return void response.end(JSON.stringify({ name: 'notes', title: 'Notes', routes: ['/api/v1/notes'], problems: {} }))
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => handle(request, response, Buffer.concat(parts).toString()))
    })
  }

  async goneUrl(): Promise<string> {
    const { server, url } = await this.listen(() => {})
    await new Promise((resolve) => server.close(resolve))
    return url
  }

  /** Where the gateway's side is reached. */
  async gateway(...urls: string[]): Promise<string> {
    const log = makeLog({ level: 'warn', format: 'json', destination: { write: (line) => void this.logged.push(line) } })
    const service = new RemoteService({ name: 'notes', urls, log, problemsUrl: 'http://localhost/problems', onDescribed: () => {} })
    this.service = service
    const { url } = await this.listen((request, response) => {
      this.answers.push(response)
      service.handle(request, response)
    })
    return url
  }

  described(): Promise<void> {
    return until(() => this.service?.known === true, 'the description')
  }

  async close(): Promise<void> {
    await this.service?.close()
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
    }
  }
}
