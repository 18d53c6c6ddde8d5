/** A request as it is sent on to a copy of a service: its body, read in full, and its headers. */
import type { IncomingMessage } from 'node:http'
import { RefusalError } from '@pavan/kernel'
import { maxBodyLimit } from '../http/body-limit.js'
import { requestContextOf } from '../http/request-context.js'

/** Bytes of a refused body that are read on, so that its sender gets to see the answer. */
const patience = 16 * 1024 * 1024

/** Meant for the next hop alone (RFC 9110, section 7.6.1). */
export const hopByHop = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'])
/** Written anew for the copy. */
const ours = new Set(['content-length', 'expect', 'x-request-id', 'traceparent', 'x-forwarded-for'])

export const hasBody = ({ headers }: IncomingMessage): boolean => headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined

/** The whole body: a request that no copy has taken yet can then go to the next one. No operation takes more than the limit. */
export const bodyOf = (request: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let size = 0
    request.on('data', (part: Buffer) => {
      size += part.length
      if (size <= maxBodyLimit) parts.push(part)
      else reject(new RefusalError('request.body.too-large', { limit: maxBodyLimit }))
      if (size > patience) request.destroy()
    })
    request.once('end', () => resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)))
    request.once('close', () => {
      if (!request.readableEnded) reject(new Error('the request was broken off'))
    })
  })

/** Names and values in turn. Of a header that may come once only the first is there, as the service will read it. */
export const headersFor = (request: IncomingMessage): string[] => {
  const { headers } = request
  const named = namedBy(headers.connection)
  const list: string[] = []
  for (const name in headers) {
    if (hopByHop.has(name) || ours.has(name) || named?.has(name)) continue
    const value = headers[name]
    if (typeof value === 'string') list.push(name, value)
    else for (const one of value ?? []) list.push(name, one)
  }
  const { requestId, traceparent } = requestContextOf(request)
  list.push('x-request-id', requestId, 'traceparent', traceparent, 'x-forwarded-for', forwardedFor(request))
  return list
}

/** Headers that the connection header declares hop-by-hop; mostly it only says what becomes of the connection. */
const namedBy = (connection: string | undefined): ReadonlySet<string> | undefined =>
  connection === undefined || connection === 'keep-alive' || connection === 'close'
    ? undefined
    : new Set(connection.split(',').map((name) => name.trim().toLowerCase()))

const forwardedFor = ({ headers, socket }: IncomingMessage): string => {
  const { 'x-forwarded-for': before } = headers
  const { remoteAddress = '' } = socket
  return before ? [before, remoteAddress].filter(Boolean).join(', ') : remoteAddress
}
