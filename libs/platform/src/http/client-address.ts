/** The address of the caller, as far as the proxies in front can be trusted. */
import type { IncomingMessage } from 'node:http'

/** Number of proxies in front whose X-Forwarded-For entries are believed; 0 when callers connect directly. */
export type TrustProxy = number

/** Counted from the right: what a caller writes into the header itself is further left and is not believed. */
export const clientAddress = (request: IncomingMessage, trustProxy: TrustProxy): string => {
  const direct = request.socket.remoteAddress ?? ''
  const forwarded = request.headers['x-forwarded-for']
  if (trustProxy === 0 || typeof forwarded !== 'string') return direct
  const hops = forwarded.split(',').map((hop) => hop.trim())
  return hops[hops.length - trustProxy] ?? hops[0] ?? direct
}
