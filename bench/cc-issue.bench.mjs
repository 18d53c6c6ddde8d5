// Client credentials: an ES256 JWT access token and a durable audit event each, against bare oidc-provider without events.
import { call, compare, load, report, startNode, startPavan, temporaryFolder } from './support/harness.mjs'

const concurrency = 32
const basic = (id, secret) => `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`

const issue = (endpoint, authorization) => async () => {
  const { status, text } = await call(endpoint, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials',
  })
  const { access_token: token } = status === 200 ? JSON.parse(text) : {}
  if (!token || token.split('.').length !== 3) throw new Error(`no token: ${status} ${text.slice(0, 300)}`)
}

const bare = await startNode('bench/support/bare-provider.mjs', { ready: /ready (http:\S+)/ })
const pavan = await startPavan(temporaryFolder())
const side = (pid, once) => ({ pid, run: (milliseconds) => load({ concurrency, milliseconds, once }) })
try {
  const { token_endpoint: endpoint } = JSON.parse((await call(`${pavan.operator.issuer}/.well-known/openid-configuration`)).text)
  const result = await compare({
    ours: side(pavan.pid, issue(endpoint, basic(pavan.operator.clientId, pavan.operator.clientSecret))),
    limit: side(bare.pid, issue(`${bare.match[1]}/token`, basic('machine', 'a-secret-of-forty-characters-for-the-bench'))),
  })
  report('cc-issue', { ...result, must: 0.75, aim: 0.95 })
} finally {
  await Promise.all([bare.stop(), pavan.stop()])
}
process.exit(0)
