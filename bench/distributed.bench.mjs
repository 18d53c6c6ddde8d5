// Client credentials and sign-in through gateway and identity as processes of their own, on Kafka and MongoDB, against the same in one process.
import { compare, median, quick, report, say, side } from './support/harness.mjs'
import { signInSomebody, startWithPeople } from './support/people.mjs'
import { peopleFor } from './support/seed.mjs'
import { bareMongo, openRunning } from './support/servers.mjs'
import { makeClient, operatorOf } from './support/shop.mjs'
import { startDistributed, usedBetween } from './support/system.mjs'
import { issue } from './support/tokens.mjs'

const count = quick ? 100 : 1_000
const rounds = quick ? 2 : 3
const milliseconds = quick ? 2_000 : 6_000
// At the rates that one machine reaches with all processes on it, V8 has compiled what matters after a minute.
const warmup = quick ? 5_000 : 60_000

const distributed = await startDistributed()
let embedded
let mongo
try {
  const operator = await operatorOf(distributed)
  const client = await makeClient(operator)
  mongo = await bareMongo(distributed.env.MONGODB_URL)
  const opened = await openRunning(distributed.env)
  const people = await peopleFor(opened, { tenant: operator.tenant, count })
  await opened.close()
  embedded = await startWithPeople(count)
  const far = { ...distributed, tenant: operator.tenant, client, people }

  const took = distributed.pidsOf('gateway', 'identity')
  const others = {}
  const against = async (name, concurrency, once) => {
    say(`  ${name}`)
    const ours = side(took, concurrency, once(far))
    const seen = []
    const watched = {
      pid: took,
      run: async (time) => {
        const before = distributed.cpu()
        const result = await ours.run(time)
        seen.push(usedBetween(before, distributed.cpu(), result.done))
        return result
      },
    }
    const result = await compare({ ours: watched, limit: side(embedded.pid, concurrency, once(embedded)), rounds, milliseconds, warmup })
    // The first one is the warming-up.
    others[name] = Object.fromEntries(Object.keys(seen[0]).map((one) => [one, Number(median(seen.slice(1).map((round) => round[one])).toFixed(3))]))
    return result
  }
  /** What lies in the databases of all services: events, and bytes with indexes. */
  const kept = async () => {
    const { databases } = await mongo.db().admin().listDatabases()
    const sizes = await Promise.all(databases.map(({ name }) => mongo.db(name).stats()))
    const logs = await Promise.all(
      databases.map(({ name }) =>
        mongo
          .db(name)
          .collection('log')
          .find({}, { projection: { f: 1, l: 1 } })
          .toArray(),
      ),
    )
    return {
      events: logs.flat().reduce((sum, { f, l }) => sum + l - f + 1, 0),
      bytes: sizes.reduce((sum, { dataSize, indexSize }) => sum + dataSize + indexSize, 0),
    }
  }
  const tokens = await against('cc-issue', 16, ({ operator: one }) => issue(one))
  const before = await kept()
  let signedIn = 0
  const logins = await against('login', 8, (server) => {
    const once = signInSomebody(server)
    return server === far ? async () => (await once(), void signedIn++) : once
  })
  const after = await kept()
  const both = (name) => [tokens[name], logins[name]]
  report('distributed', {
    ours: both('ours'),
    limit: both('limit'),
    ratio: both('cpuRatio'),
    must: 0.5,
    aim: 0.7,
    cpuSecondsPer1000: both('cpuSecondsPer1000'),
    of: ['cc-issue', 'login'],
    ratioMeans: 'successes for a second of processor time of gateway and identity, by those of the one process with everything in it',
    limitCpuSecondsPer1000: both('limitCpuSecondsPer1000'),
    ratioByTime: both('ratio'),
    cpuSecondsPer1000ByProcess: others,
    eventsPerLogin: (after.events - before.events) / signedIn,
    bytesPerLogin: Math.round((after.bytes - before.bytes) / signedIn),
    people: count,
  })
} finally {
  await Promise.allSettled([mongo?.close(), embedded?.stop(), distributed.stop()])
}
process.exit(0)
