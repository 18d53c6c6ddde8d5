/**
 * A resource server that is not part of Pavan: it verifies access tokens by the tenant's published keys (RFC 9068)
 * and asks Pavan's decision API whether the person may do it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, jwtVerify } from 'jose'

export interface OrdersApiOptions {
  readonly issuer: string
  /** Resource indicator of this API: the audience that its access tokens must carry. */
  readonly resource: string
  /** Asks Pavan: may the subject do the action on the resource? */
  decide(subject: string, action: string, resource: string, facts: Record<string, unknown>): Promise<{ allowed: boolean; reason?: string }>
}

const orders = [
  { id: '1', total: 120, status: 'open' },
  { id: '2', total: 9_900, status: 'open' },
]

export const startOrdersApi = async (options: OrdersApiOptions): Promise<{ url: string; close(): Promise<void> }> => {
  const keys = createRemoteJWKSet(new URL(`${options.issuer}/jwks`))

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (!token) return answer(response, 401, { title: 'No access token' })
    let subject: string | undefined
    try {
      const { payload } = await jwtVerify(token, keys, { issuer: options.issuer, audience: options.resource, typ: 'at+jwt' })
      subject = payload.sub
    } catch {
      return answer(response, 401, { title: 'The access token is not accepted' })
    }
    if (!subject) return answer(response, 401, { title: 'The access token names nobody' })
    const approval = /^\/orders\/(\d+)\/approval$/.exec(request.url ?? '')
    if (request.method === 'GET' && request.url === '/orders') {
      const verdict = await options.decide(subject, 'read', 'order', {})
      return verdict.allowed ? answer(response, 200, orders) : answer(response, 403, { title: 'Not allowed', detail: verdict.reason })
    }
    if (request.method === 'POST' && approval) {
      const order = orders.find((one) => one.id === approval[1])
      if (!order) return answer(response, 404, { title: 'No such order' })
      const verdict = await options.decide(subject, 'approve', 'order', { total: order.total })
      if (!verdict.allowed) return answer(response, 403, { title: 'Not allowed', detail: verdict.reason })
      return answer(response, 200, { ...order, status: 'approved' })
    }
    answer(response, 404, { title: 'There is nothing here' })
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => answer(response, 502, { title: 'Pavan does not answer' }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  }
}

const answer = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' }).end(JSON.stringify(body))
}
