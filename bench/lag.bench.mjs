// From the acknowledgement of a command until the read API shows what it did, while 1,000 events a second are written (p99, ms).
import { cpuSeconds, pace, percentile, quick, report, round, say, startPavan, temporaryFolder } from './support/harness.mjs'
import { operatorOf } from './support/shop.mjs'
import { issue } from './support/tokens.mjs'

const eventsPerSecond = 1_000
const probesPerSecond = 50
const rounds = quick ? 3 : 5
const milliseconds = quick ? 5_000 : 15_000
/** A system that falls behind has no lag worth naming. */
const reached = 0.95

const pavan = await startPavan(temporaryFolder())
try {
  const { api } = await operatorOf(pavan)
  await api('POST', '/api/v1/authorization/roles', { key: 'reader', name: 'Reader' })
  const token = issue(pavan.operator)
  const path = '/api/v1/authorization/assignments'

  /** One command, then the list is asked again and again until it shows the assignment. */
  const probe = async (subject) => {
    await api('POST', path, { subject, role: 'reader' })
    const acknowledged = performance.now()
    for (;;) {
      const { items } = JSON.parse((await api('GET', `${path}?subject=${subject}`)).text)
      if (items.length > 0) {
        if (items[0].role !== 'reader') throw new Error(`another role was assigned: ${items[0].role}`)
        return performance.now() - acknowledged
      }
    }
  }

  let number = 0
  const measure = async (time) => {
    const lags = []
    const [tokens, probes] = await Promise.all([
      pace({ perSecond: eventsPerSecond - probesPerSecond, milliseconds: time, once: token }),
      pace({ perSecond: probesPerSecond, milliseconds: time, once: async () => lags.push(await probe(`somebody-${number++}`)) }),
    ])
    return { lags, done: tokens.done + probes.done, perSecond: tokens.perSecond + probes.perSecond }
  }

  await measure(quick ? 4_000 : 8_000)
  const all = []
  const p99s = []
  const rates = []
  const cpu = []
  for (let index = 0; index < rounds; index++) {
    const before = cpuSeconds(pavan.pid)
    const { lags, done, perSecond } = await measure(milliseconds)
    cpu.push(((cpuSeconds(pavan.pid) - before) / done) * 1000)
    p99s.push(percentile(lags, 0.99))
    rates.push(perSecond)
    all.push(...lags)
    say(
      `  round ${index + 1} ${round(perSecond, 0)} events/s  lag p50 ${round(percentile(lags, 0.5), 2)} ms  p99 ${round(p99s.at(-1), 2)} ms  ${round(cpu.at(-1))} CPU s per 1,000`,
    )
  }
  const rate = percentile(rates, 0.5)
  if (rate < eventsPerSecond * reached) say(`  Only ${round(rate, 0)} events/s were reached: the lag below is that of an overloaded machine.`)
  report('lag', {
    ours: percentile(p99s, 0.5),
    must: 20,
    aim: 5,
    cpuSecondsPer1000: percentile(cpu, 0.5),
    unit: 'ms, p99; median of the rounds',
    p50: percentile(all, 0.5),
    probes: all.length,
    eventsPerSecond: rate,
  })
} finally {
  await pavan.stop()
}
process.exit(0)
