/** Request id and trace of a request, shared by the gateway and the service behind it in the same process. */
import { makeId } from '@pavan/kernel'
import { drawRandom, fillRandom } from '../service/random-pool.js'

export interface RequestContext {
  readonly requestId: string
  /** 32 hex digits (W3C Trace Context, section 3.2.2.3). */
  readonly traceId: string
  /** What is sent on: same trace id, our own span id. */
  readonly traceparent: string
  /** What the caller sent. */
  readonly parent?: string
}

const place = Symbol('pavan.request')

interface Carrier {
  headers?: Record<string, string | string[] | undefined>
  [place]?: RequestContext
}

/** Version ff is not valid (W3C Trace Context, section 3.2.2.1). */
const traceparentShape = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/
const requestIdShape = /^[A-Za-z0-9._-]{8,64}$/

/** The context of a raw request, made at first sight. A well-formed `traceparent` and `x-request-id` of the caller are kept. */
export const requestContextOf = (raw: object): RequestContext => {
  const carrier = raw as Carrier
  return (carrier[place] ??= make(carrier.headers ?? {}))
}

/** The span that works on the request takes the place of what was made up. */
export const setTrace = (raw: object, traceparent: string): void => {
  ;(raw as Carrier)[place] = { ...requestContextOf(raw), traceId: traceparent.split('-')[1] as string, traceparent }
}

const make = (headers: NonNullable<Carrier['headers']>): RequestContext => {
  const given = typeof headers.traceparent === 'string' ? traceparentShape.exec(headers.traceparent) : null
  const random = drawRandom(24).toString('hex')
  const traceId = given?.[1] ?? random.slice(0, 32)
  const id = headers['x-request-id']
  return {
    requestId: typeof id === 'string' && requestIdShape.test(id) ? id : makeId('request', Date.now(), fillRandom),
    traceId,
    traceparent: `00-${traceId}-${random.slice(32)}-${given?.[2] ?? '00'}`,
    ...(given ? { parent: given[0] } : {}),
  }
}
