// From the acknowledgement of a commit by our store on MongoDB until the rows of a view show it, over our relay and Kafka, at 100 and at 1,000 a second (p99, ms).
import { median, pace, percentile, quick, report, round, say, untilShown } from './support/harness.mjs'
import { cpuOfTree } from './support/servers.mjs'
import { followingView } from './support/view-under-test.mjs'

const wanted = [100, 1_000]
const probesPerSecond = 10
const rounds = quick ? 2 : 5
const milliseconds = quick ? 4_000 : 20_000
/** A system that falls behind has no lag worth naming. */
const reached = 0.95

const view = await followingView()
const probe = async () => {
  const subject = await view.assign()
  return untilShown(async () => {
    const roles = await view.rolesOf(subject)
    if (roles.length > 1 || (roles[0] ?? 'reader') !== 'reader') throw new Error(`other roles were assigned: ${roles}`)
    return roles.length > 0
  })
}

const measure = async (perSecond, time) => {
  const lags = []
  const [own, broker, database] = [process.cpuUsage(), cpuOfTree(view.servers.kafka.pids), cpuOfTree(view.servers.mongo.pids)]
  const [others, probes] = await Promise.all([
    pace({ perSecond: perSecond - probesPerSecond, milliseconds: time, once: view.assign }),
    pace({ perSecond: probesPerSecond, milliseconds: time, once: async () => lags.push(await probe()) }),
  ])
  const { user, system } = process.cpuUsage(own)
  const per1000 = (seconds) => (seconds / (others.done + probes.done)) * 1000
  return {
    p50: percentile(lags, 0.5),
    p99: percentile(lags, 0.99),
    probes: lags.length,
    perSecond: others.perSecond + probes.perSecond,
    cpu: per1000((user + system) / 1e6),
    broker: per1000(cpuOfTree(view.servers.kafka.pids) - broker),
    database: per1000(cpuOfTree(view.servers.mongo.pids) - database),
  }
}

try {
  const result = []
  for (const rate of wanted) {
    await measure(rate, quick ? 3_000 : 15_000)
    const seen = []
    for (let index = 0; index < rounds; index++) {
      const one = await measure(rate, milliseconds)
      seen.push(one)
      say(`  round ${index + 1} at ${rate}/s: ${round(one.perSecond, 0)}/s  lag p50 ${round(one.p50, 1)} ms  p99 ${round(one.p99, 1)} ms`)
    }
    const of = (name) => median(seen.map((one) => one[name]))
    if (of('perSecond') < rate * reached) say(`  Only ${round(of('perSecond'), 0)}/s were reached: the lag is that of an overloaded machine.`)
    result.push(of)
  }
  const each = (name) => result.map((of) => of(name))
  report('lag-mongo', {
    ours: each('p99'),
    must: 150,
    aim: 50,
    cpuSecondsPer1000: each('cpu'),
    unit: 'ms, p99; median of the rounds',
    wantedPerSecond: wanted,
    commitsPerSecond: each('perSecond'),
    p50: each('p50'),
    probesInARound: each('probes'),
    brokerCpuSecondsPer1000: each('broker'),
    databaseCpuSecondsPer1000: each('database'),
  })
} finally {
  await view.close()
}
process.exit(0)
