// Client credentials and sign-in with ten times as many people in the store, against themselves.
import { compare, quick, report, say, side } from './support/harness.mjs'
import { signInSomebody, startWithPeople } from './support/people.mjs'
import { issue } from './support/tokens.mjs'

const [few, many] = quick ? [500, 5_000] : [10_000, 100_000]

const small = await startWithPeople(few)
const large = await startWithPeople(many)
try {
  const against = async (concurrency, once, options) => {
    const [limit, ours] = [small, large].map((server) => side(server.pid, concurrency, once(server)))
    return compare({ ours, limit, ...options })
  }
  const short = quick ? { milliseconds: 2_000 } : {}
  say('  cc-issue')
  const tokens = await against(64, ({ operator }) => issue(operator), short)
  say('  login')
  const logins = await against(8, signInSomebody, short)
  const both = (name) => [tokens[name], logins[name]]
  report('growth', {
    ours: both('ours'),
    limit: both('limit'),
    ratio: both('ratio'),
    must: 0.85,
    aim: 0.95,
    cpuSecondsPer1000: both('cpuSecondsPer1000'),
    limitCpuSecondsPer1000: both('limitCpuSecondsPer1000'),
    of: ['cc-issue', 'login'],
    people: [few, many],
  })
} finally {
  await Promise.all([small.stop(), large.stop()])
}
process.exit(0)
