/** Runs services side by side behind one port. One service or all of them: the same runner. */
import { createServer, type Server } from 'node:http'
import { Server as SocketServer, type AddressInfo } from 'node:net'
import { commonProblems } from '@pavan/contracts'
import { writeProblem } from '../http/problem-filter.js'
import { Problems } from '../http/problems.js'
import { requestContextOf } from '../http/request-context.js'
import type { Notice, ServiceDefinition } from './define-service.js'
import type { Environment } from './environment.js'
import { ownDescription } from './own-description.js'
import { ownHealth } from './own-health.js'
import { startingHeader } from './remote-answer.js'
import { RemoteService } from './remote-service.js'
import { ServiceDirectory, type KnownService, type RequestHandler } from './service-directory.js'
import { ServiceHost } from './service-host.js'
import { StartError } from './start-error.js'

export interface RunOptions extends Omit<Environment, 'directory'> {
  readonly services: readonly ServiceDefinition[]
  /** Services that run elsewhere, for the gateway: name and the addresses of the copies. */
  readonly remote?: readonly { readonly name: string; readonly urls: readonly string[] }[]
  /** 0 takes a free port. */
  readonly port: number
  readonly host: string
  /** `http://localhost:<port>` by default. */
  readonly baseUrl?: string
}

export interface Running {
  readonly baseUrl: string
  readonly notices: readonly Notice[]
  /** Takes nothing new, finishes what is under way, closes the stores. */
  close(): Promise<void>
}

class LocalDirectory extends ServiceDirectory {
  #services: readonly KnownService[] = []
  #door: RequestHandler | undefined

  constructor(readonly baseUrl: string) {
    super()
  }

  list(): readonly KnownService[] {
    return this.#services
  }

  add(service: KnownService): void {
    this.#services = [...this.#services, service]
  }

  /** A service has said what it is. */
  changed(): void {
    this.#services = [...this.#services]
  }

  guard(door: RequestHandler): void {
    this.#door = door
  }

  /** The gateway's door, or the only service when there is no gateway. */
  door(version: string): RequestHandler {
    const only: RequestHandler = (request, response) => this.#services[0]?.handle(request, response)
    return this.#door ?? ownHealth(this, version, ownDescription(this.#services[0] as KnownService, only))
  }
}

const listen = (server: Server, port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE')
        reject(new StartError(`Port ${port} is taken by another program.`, `Stop that program, or choose another port: PORT=${port + 1} npm start`))
      else if (error.code === 'EACCES') reject(new StartError(`Port ${port} may not be used by this user.`, 'Choose a port above 1023 in PORT.'))
      else if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
        reject(new StartError(`The address ${host} is not one of this machine's.`, 'Correct HOST: 127.0.0.1, or 0.0.0.0 for all addresses.'))
      else reject(error)
    })
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })

/** A connection on which nothing is asked stays for so many milliseconds when the server ends: a request may be on its way on it. */
const idleMs = 250
/** What is not answered in so many milliseconds then is cut off. */
const longestMs = 5_000

/** Takes no more connections, and resolves when those that are there have ended. Whoever keeps one open is told by the next answer that it ends. */
const end = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    // After a look at what has come in: after a pause of the process that may be a request on each.
    const idle = setInterval(() => setImmediate(() => server.closeIdleConnections()), idleMs)
    const hurry = setTimeout(() => server.closeAllConnections(), longestMs)
    // That of the HTTP server would end idle connections at once.
    SocketServer.prototype.close.call(server, () => {
      clearInterval(idle)
      clearTimeout(hurry)
      resolve()
    })
  })

export const runServices = async ({ services, remote = [], port, host, baseUrl, ...rest }: RunOptions): Promise<Running> => {
  const starting = new Problems(commonProblems, '/problems')
  const unavailable: RequestHandler = (request, response) => {
    request.resume()
    response.setHeader(startingHeader, 'true')
    writeProblem(response, starting.answer('service.unavailable', { retryAfter: 1 }, requestContextOf(request)))
  }
  let handle = unavailable
  const server = createServer((request, response) => {
    // The end has begun: the answer says that the connection ends with it.
    if (!server.listening) response.shouldKeepAlive = false
    handle(request, response)
  })
  const hosts: ServiceHost[] = []
  const remotes: RemoteService[] = []
  const close = async (): Promise<void> => {
    if (server.listening) await end(server)
    for (const one of hosts.toReversed()) await one.close()
    for (const one of remotes) await one.close()
    await rest.adapters.close()
  }
  try {
    const taken = await listen(server, port, host)
    const directory = new LocalDirectory(baseUrl ?? `http://localhost:${taken}`)
    // While the services start, `/readyz` names those that are missing.
    handle = ownHealth(directory, rest.version, unavailable, true)
    const environment: Environment = { ...rest, directory }
    for (const one of remote) {
      const made = new RemoteService({ ...one, log: rest.log, problemsUrl: `${directory.baseUrl}/problems`, onDescribed: () => directory.changed() })
      remotes.push(made)
      directory.add(made)
    }
    for (const service of services) {
      const made = await ServiceHost.create(service, environment)
      hosts.push(made)
      directory.add(made)
    }
    await Promise.all(hosts.map((one) => one.start()))
    for (const one of hosts) await one.catchUp()
    const notices = (await Promise.all(hosts.map((one) => one.notices()))).flat()
    handle = directory.door(rest.version)
    return { baseUrl: directory.baseUrl, notices, close }
  } catch (error) {
    await close().catch(() => undefined)
    throw error
  }
}
