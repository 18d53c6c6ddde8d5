/** Where a protocol request came from, for the events that it causes. Protocol routes do not pass Nest, so there is no `@Command()`. */
import type { Actor, EventMeta, Origin } from '@pavan/kernel'
import { requestContextOf } from '@pavan/platform/http/request-context.js'

/** Place of the origin on the raw request. */
const place = Symbol('pavan.origin')

interface Carrier {
  readonly headers: Record<string, string | string[] | undefined>
  [place]?: Origin
}

/** Remembers the address (as far as proxies can be trusted) and the device of a raw request. */
export const rememberOrigin = (raw: Pick<Carrier, 'headers'>, address: string): void => {
  const agent = raw.headers['user-agent']
  ;(raw as Carrier)[place] = { address, device: typeof agent === 'string' ? agent.slice(0, 300) : undefined }
}

export const protocolMeta = (raw: object, actor: Actor, client?: string): EventMeta => {
  const { requestId, traceparent } = requestContextOf(raw)
  return { actor, client, requestId, traceparent, origin: (raw as Carrier)[place] }
}
