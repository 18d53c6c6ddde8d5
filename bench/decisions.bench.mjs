// Batches of 1,000 decisions over HTTP, many roles, policies and subjects, against a look-up in a Map behind the same HTTP server.
import { call, compare, quick, report, side, startNode, startPavan, temporaryFolder } from './support/harness.mjs'
import { seedAccess } from './support/seed.mjs'
import { freePort, operatorOf } from './support/shop.mjs'

const definitionCount = quick ? 500 : 10_000
const subjectCount = quick ? 5_000 : 100_000
const batch = 1_000
const concurrency = 4

/** Role i reads and approves its own resource; its policy forbids to approve what is shipped. */
const definitions = Array.from({ length: definitionCount }, (_, i) => ({
  role: { key: `role-${i}`, name: `Role ${i}`, privileges: [{ resource: `things-${i}`, action: 'read' }], policies: [`policy-${i}`] },
  policy: {
    key: `policy-${i}`,
    name: `Policy ${i}`,
    rules: [
      { action: 'approve', subject: `things-${i}`, conditions: { status: 'open' } },
      { action: 'approve', subject: `things-${i}`, conditions: { locked: true }, inverted: true, reason: 'Locked things stay.' },
    ],
  },
}))
const subjects = Array.from({ length: subjectCount }, (_, i) => ({ id: `subject-${i}`, role: `role-${i % definitionCount}` }))

/** Question n, and what the right answer is. Half of them are about somebody else's things. */
const questionOf = (n) => {
  const subject = (n * 7919) % subjectCount
  const own = n % 2 === 0
  const approve = n % 4 < 2
  const resource = `things-${(subject + (own ? 0 : 1)) % definitionCount}`
  const facts = { status: n % 3 === 0 ? 'closed' : 'open', locked: n % 5 === 0 }
  const allowed = own && (!approve || (facts.status === 'open' && !facts.locked))
  return { question: { subject: `subject-${subject}`, action: approve ? 'approve' : 'read', resource, facts }, allowed }
}

const bodies = Array.from({ length: quick ? 20 : 200 }, (_, b) => {
  const asked = Array.from({ length: batch }, (_, i) => questionOf(b * batch + i))
  return { text: JSON.stringify({ decisions: asked.map(({ question }) => question) }), right: asked.map(({ allowed }) => allowed) }
})

/** `right(batch, question)` says what the server must answer: a Map knows no conditions, so there the facts are left aside. */
const ask = (url, headers, right) => {
  let turn = 0
  return async () => {
    const number = turn++ % bodies.length
    const { status, text } = await call(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: bodies[number].text })
    if (status !== 200) throw new Error(`no verdicts: ${status} ${text.slice(0, 300)}`)
    const { verdicts } = JSON.parse(text)
    if (verdicts.length !== batch) throw new Error(`${verdicts.length} verdicts for ${batch} questions`)
    for (let i = 0; i < batch; i++) if (verdicts[i].allowed !== right(number, i)) throw new Error(`verdict ${i} of batch ${number} is wrong`)
  }
}

const lines = subjects.flatMap(({ id }, i) => [`${id}/read/things-${i % definitionCount}`, `${id}/approve/things-${i % definitionCount}`])
const map = await startNode('bench/support/map-decisions.mjs', { ready: /ready (http:\S+)/, input: `${lines.join('\n')}\n\n` })
const folder = temporaryFolder()
const env = { PORT: String(await freePort()) }
const first = await startPavan(folder, env)
const { tenant } = await operatorOf(first)
await first.stop()
await seedAccess(folder, { tenant, definitions, subjects })
const pavan = await startPavan(folder, env)
try {
  const { token } = await operatorOf(pavan)
  const result = await compare({
    ours: side(
      pavan.pid,
      concurrency,
      ask(`${pavan.base}/api/v1/authorization/decisions/batch`, { authorization: `Bearer ${token}` }, (b, i) => bodies[b].right[i]),
    ),
    limit: side(
      map.pid,
      concurrency,
      ask(`${map.match[1]}/decisions/batch`, {}, (b, i) => (b * batch + i) % 2 === 0),
    ),
  })
  report('decisions', { ...result, must: 0.4, aim: 0.7, rolesAndPolicies: definitionCount, subjects: subjectCount, decisionsPerRequest: batch })
} finally {
  await Promise.all([map.stop(), pavan.stop()])
}
process.exit(0)
