/** The answer of a service elsewhere, written straight to the caller as it arrives. */
import type { ServerResponse } from 'node:http'
import type { Dispatcher, Pool } from 'undici'
import { hopByHop } from './remote-request.js'

/** Says in an answer that the copy is still starting and has done nothing: whoever has another one asks that. */
export const startingHeader = 'pavan-starting'

const gone = 'the caller has gone'
/** Bytes of a last piece that are copied to save a write. */
const oneWrite = 4_096

/** As text of one byte a character, the bytes leave in one write with the head. */
const endWith = (response: ServerResponse, chunk: Buffer): void => {
  if (chunk.length <= oneWrite) response.end(chunk.toString('latin1'), 'latin1')
  else response.end(chunk)
}

type Controller = Dispatcher.DispatchController
type Headers = Readonly<Record<string, string | string[] | undefined>>

export const isStarting = (status: number, headers: Headers): boolean => status === 503 && headers[startingHeader] !== undefined

/** undici calls the `on…` methods from inside its parser, where nothing else may be sent: who asks the next copy waits for the promise. */
export class RemoteAnswer implements Dispatcher.DispatchHandler {
  #state: 'asked' | 'passed over' | 'begun' | 'over' = 'over'
  #last = true
  #options: Dispatcher.DispatchOptions | undefined
  #controller: Controller | undefined
  /** Bytes of the body that are still to come, where the copy has said how many. */
  #missing = Infinity
  #resolve!: (taken: boolean) => void
  #reject!: (error: Error) => void

  constructor(private readonly response: ServerResponse) {
    response.once('close', () => this.#leave())
  }

  /**
   * Asks one copy; another one may be asked when the promise has settled. True: the answer is under way, or nobody waits for it any more. False: the copy
   * is still starting, which only the last one may answer. An error: no answer has begun.
   */
  from(pool: Pool, options: Dispatcher.DispatchOptions, last: boolean): Promise<boolean> {
    if (this.response.destroyed) return Promise.resolve(true)
    this.#state = 'asked'
    this.#last = last
    this.#options = options
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      pool.dispatch(options, this)
    })
  }

  /** The caller has gone, or has got the whole answer. */
  #leave(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#resolve(true)
    // The request may have to wait for a free connection before it can be dropped; its body need not.
    if (this.#options) this.#options.body = null
    this.#controller?.abort(new Error(gone))
  }

  onRequestStart(controller: Controller): void {
    // Aborting would cost the connection that has just become free; throwing does not.
    if (this.#state === 'over') throw new Error(gone)
    this.#controller = controller
  }

  onResponseStart(_controller: Controller, status: number, headers: Headers): void {
    // Informational (RFC 9110, section 15.2): the answer is still to come.
    if (status < 200) return
    if (!this.#last && isStarting(status, headers)) {
      this.#state = 'passed over'
      return
    }
    const { response } = this
    for (const name in headers) if (!hopByHop.has(name) && name !== startingHeader) response.setHeader(name, headers[name] as string | string[])
    response.writeHead(status)
    this.#missing = Number(headers['content-length'] ?? Infinity)
    this.#state = 'begun'
    this.#resolve(true)
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#state !== 'begun') return
    const { response } = this
    this.#missing -= chunk.length
    // The head leaves with the first piece, and to end with the last one costs less than to end after it.
    if (this.#missing === 0) endWith(response, chunk)
    else if (!response.write(chunk) && !controller.paused) {
      controller.pause()
      response.once('drain', () => controller.resume())
    }
  }

  onResponseEnd(): void {
    const before = this.#state
    this.#state = 'over'
    if (before === 'passed over') this.#resolve(false)
    if (before === 'begun' && !this.response.writableEnded) this.response.end()
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    const before = this.#state
    this.#state = 'over'
    // What has been sent cannot be taken back: only a connection that breaks off says that the rest is missing.
    if (before === 'begun') this.response.destroy()
    else if (before === 'passed over') this.#resolve(false)
    else this.#reject(error)
  }
}
