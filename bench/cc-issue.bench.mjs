// Client credentials: an ES256 JWT access token and a durable audit event each, against bare oidc-provider without events.
import { compare, report, side, startNode, startPavan, temporaryFolder } from './support/harness.mjs'
import { issue } from './support/tokens.mjs'

const concurrency = 64

const bare = await startNode('bench/support/bare-provider.mjs', { ready: /ready (http:\S+)/ })
const pavan = await startPavan(temporaryFolder())
try {
  const result = await compare({
    ours: side(pavan.pid, concurrency, issue(pavan.operator)),
    limit: side(bare.pid, concurrency, issue({ issuer: bare.match[1], clientId: 'machine', clientSecret: 'a-secret-of-forty-characters-for-the-bench' })),
  })
  report('cc-issue', { ...result, must: 0.75, aim: 0.95 })
} finally {
  await Promise.all([bare.stop(), pavan.stop()])
}
process.exit(0)
