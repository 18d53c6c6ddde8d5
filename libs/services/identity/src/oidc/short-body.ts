/**
 * Hands a short body to whoever iterates over the request (`readable.iterator()`, as oidc-provider does) as one chunk. The iterator of Node's
 * streams waits for each step in turn, which takes a tenth of the time of a token; what the reader checks stays with the reader.
 */
import type { IncomingMessage } from 'node:http'

const longest = 16_384

export const readInOneGo = (request: IncomingMessage): void => {
  // Only where the sender has said how long the body is: Node's parser then lets through exactly so much.
  const length = request.headers['content-length']
  if (length === undefined || Number(length) > longest) return
  request.iterator = () => new WholeBody(request) as unknown as ReturnType<IncomingMessage['iterator']>
}

class WholeBody implements AsyncIterableIterator<Buffer> {
  #taken = false

  constructor(private readonly request: IncomingMessage) {}

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Buffer>> {
    if (this.#taken) return { done: true, value: undefined }
    this.#taken = true
    return { done: false, value: await whole(this.request) }
  }

  /** Like the stream's own with `destroyOnReturn: false`. */
  async return(): Promise<IteratorResult<Buffer>> {
    return { done: true, value: undefined }
  }
}

const whole = (request: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
    // Comes after every request; an error that nobody sees would cost its stack. A request without a listener for errors has none.
    request.on('close', () => {
      if (!request.readableEnded) reject(new Error('the request was broken off'))
    })
  })
