// Refresh with rotation over many live grants: JWT access token, ID token and a durable rotation each, against bare oidc-provider in memory.
import { compare, quick, report, side, startNode, startPavan } from './support/harness.mjs'
import { startWithPeople } from './support/people.mjs'
import { emailOf, password, seedGrants } from './support/seed.mjs'
import { signIn } from './support/shop.mjs'
import { basic, refresh } from './support/tokens.mjs'

const grants = quick ? 5_000 : 100_000
const people = quick ? 500 : 10_000
const concurrency = 64

const bare = await startNode('bench/support/bare-provider.mjs', { env: { SEED_GRANTS: String(grants) }, ready: /ready (http:\S+)/ })
const bareTokens = bare
  .output()
  .split('\n')
  .filter((line) => line.startsWith('tokens '))
  .flatMap((line) => line.slice(7).split(' '))

const first = await startWithPeople(people)
await signIn(first, { client: first.client, email: emailOf(0), password, scope: 'openid offline_access' })
await first.stop()
const tokens = await seedGrants(first.folder, { tenant: first.tenant, pattern: first.people[0], people: first.people, count: grants })
const pavan = await startPavan(first.folder, first.env)
try {
  const { base, operator, pid } = pavan
  const secret = { authorization: basic('web', 'a-secret-of-forty-characters-for-the-bench') }
  const result = await compare({
    ours: side(pid, concurrency, refresh(operator.issuer, tokens, concurrency, { fields: { client_id: first.client, resource: `${base}/api` } })),
    limit: side(bare.pid, concurrency, refresh(bare.match[1], bareTokens, concurrency, { fields: { resource: `${bare.match[1]}/api` }, headers: secret })),
  })
  report('refresh', { ...result, must: 0.75, aim: 0.95, liveGrants: grants })
} finally {
  await Promise.all([bare.stop(), pavan.stop()])
}
process.exit(0)
