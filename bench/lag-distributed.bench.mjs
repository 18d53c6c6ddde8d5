// From the acknowledgement of a command until the read API of the distributed system shows what it did, at 100 and at 1,000 commands a second (p99, ms).
import { load, pace, percentile, quick, report, round, say, untilShown } from './support/harness.mjs'
import { operatorOf } from './support/shop.mjs'
import { startDistributed, usedBetween } from './support/system.mjs'
import { issue } from './support/tokens.mjs'

const wanted = [100, 1_000]
const probesPerSecond = 3
const rounds = quick ? 2 : 3
const milliseconds = quick ? 4_000 : 30_000
/** Seven processes compile what they do a hundred times a second only after a while. */
const warmup = quick ? 3_000 : 60_000
/** Share of the highest rate that leaves a queue short enough to speak of lag: at half of it the 99th percentile was 103 ms instead of 114 on one machine. */
const bearable = 0.75

const system = await startDistributed()
try {
  const { api } = await operatorOf(system)
  await api('POST', '/api/v1/authorization/roles', { key: 'reader', name: 'Reader' })
  const token = issue(system.operator)
  const path = '/api/v1/authorization/assignments'

  const probe = async (subject) => {
    await api('POST', path, { subject, role: 'reader' })
    return untilShown(async () => {
      const { items } = JSON.parse((await api('GET', `${path}?subject=${subject}`)).text)
      if (items.length > 0 && items[0].role !== 'reader') throw new Error(`another role was assigned: ${items[0].role}`)
      return items.length > 0
    })
  }
  let number = 0
  const measure = async (perSecond, time) => {
    const lags = []
    const before = system.cpu()
    const [tokens, probes] = await Promise.all([
      pace({ perSecond: perSecond - probesPerSecond, milliseconds: time, once: token }),
      pace({ perSecond: probesPerSecond, milliseconds: time, once: async () => lags.push(await probe(`somebody-${number++}`)) }),
    ])
    const done = tokens.done + probes.done
    return { lags, perSecond: tokens.perSecond + probes.perSecond, cpu: usedBetween(before, system.cpu(), done) }
  }

  await measure(50, warmup)
  const highest = await load({ concurrency: 16, milliseconds: quick ? 3_000 : 8_000, once: token })
  say(`  tokens as fast as they go: ${round(highest.perSecond, 0)}/s`)
  const rates = wanted.map((rate) => Math.min(rate, Math.max(20, Math.floor(highest.perSecond * bearable))))
  wanted.forEach((rate, i) => {
    if (rates[i] < rate) say(`  ${rate}/s cannot be reached on this machine: measured at ${rates[i]}/s`)
  })
  const result = []
  for (const [turn, rate] of rates.entries()) {
    if (turn > 0 && rate === rates[turn - 1]) {
      result.push(result[turn - 1])
      continue
    }
    await measure(rate, quick ? 1_000 : 4_000)
    const seen = []
    for (let index = 0; index < rounds; index++) {
      const one = await measure(rate, milliseconds)
      seen.push(one)
      say(
        `  round ${index + 1} at ${rate}/s: ${round(one.perSecond, 0)}/s  lag p50 ${round(percentile(one.lags, 0.5), 1)} ms  slowest ${round(Math.max(...one.lags), 1)} ms of ${one.lags.length}`,
      )
    }
    const slowest = Math.min(...seen.map((one) => one.perSecond))
    if (slowest < rate * 0.9) say(`  Only ${round(slowest, 0)}/s were reached in a round: the lag is that of an overloaded machine.`)
    const sum = ({ cpu }) => Object.values(cpu).reduce((a, b) => a + b, 0)
    result.push({
      // A round has too few probes to have a 99th percentile of its own: it would be the slowest one.
      p99: percentile(
        seen.flatMap(({ lags }) => lags),
        0.99,
      ),
      p50: percentile(
        seen.flatMap(({ lags }) => lags),
        0.5,
      ),
      perSecond: percentile(
        seen.map((one) => one.perSecond),
        0.5,
      ),
      cpu: percentile(seen.map(sum), 0.5),
      byProcess: seen.at(-1).cpu,
      probes: seen.reduce((count, { lags }) => count + lags.length, 0),
    })
  }
  const each = (name) => result.map((one) => one[name])
  report('lag-distributed', {
    ours: each('p99'),
    must: 150,
    aim: 50,
    cpuSecondsPer1000: each('cpu'),
    unit: 'ms, p99 of the probes of all rounds',
    wantedPerSecond: wanted,
    commandsPerSecond: each('perSecond'),
    p50: each('p50'),
    probes: each('probes'),
    cpuSecondsPer1000ByProcess: result.map(({ byProcess }) => byProcess),
  })
} finally {
  await system.stop()
}
process.exit(0)
