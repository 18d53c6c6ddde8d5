// Sequencer and lag at 256 partitions and 64 workers: a discrete-event simulation with the times that the other scenarios measured on this machine.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { percentile, quick, report, root, round, say } from './support/harness.mjs'
import { publishAtOnce } from '../libs/platform/dist/events/relay.js'
import { option } from './support/servers.mjs'

import { simulate } from './support/sequencer-simulation.mjs'

const partitions = Number(option('partitions', '256'))
const workers = Number(option('workers', '64'))
const seconds = quick ? 3 : 10

/** What a kept result says under a name; nothing where there is none. */
const measured = (scenario, name) => {
  const file = join(root, 'bench/results', `${scenario}.txt`)
  const line = existsSync(file) && new RegExp(`^${name}: (.*)$`, 'm').exec(readFileSync(file, 'utf8'))
  return line ? JSON.parse(line[1]) : undefined
}

/** One request at a time on a server with room: what the sample of `append-mongo` and `publish` say, or what SERVER figures of a quiet machine were. */
const sources = [
  ['storeMs', 'append-mongo', 'storeMs', [2, 12]],
  ['numberMs', 'append-mongo', 'numberMs', [2, 12]],
  ['findMs', 'append-mongo', 'findMs', [1, 6]],
  ['readMs', 'publish', 'readMs', { base: [2, 10], each: 0.01 }],
  ['sendMs', 'publish', 'sendMs', { base: [2, 10], each: 0.01 }],
  ['fetchMs', 'publish', 'fetchMs', [1.5, 8]],
  ['applyMs', 'rebuild', 'applyMs', { base: [6, 30], each: 0.1 }],
]
const parameters = { relayLanes: publishAtOnce }
for (const [name, scenario, line, otherwise] of sources) {
  const found = measured(scenario, line)
  parameters[name] = found ?? otherwise
  say(`  ${name} ${JSON.stringify(parameters[name])} ${found ? `from ${scenario}` : 'assumed: there is no kept result'}`)
}
say(`  relayLanes ${parameters.relayLanes} from the code`)

const rates = [1_000, 5_000, 10_000, 20_000, 40_000]
const runs = [...rates.map((rate) => ({ rate })), ...rates.map((rate) => ({ rate, sticky: 1 })), { rate: 5_000, skew: 1 }, { rate: 5_000, dies: true }]
const nameOf = ({ rate, sticky, skew, dies }) =>
  `${rate}/s${sticky ? ', each to the holder of its partition' : ''}${skew ? ', half of it to a tenth of the partitions' : ''}${dies ? ', a copy dies' : ''}`
const results = runs.map((run) => {
  const { acknowledged, lags, attempts, perNumbering } = simulate({ partitions, workers, seconds, parameters, ...run })
  if (lags.length !== acknowledged.length) throw new Error(`${acknowledged.length} commands were acknowledged, ${lags.length} became visible`)
  const ms = (values, share) => round(percentile(values, share), 1)
  say(
    `  ${nameOf(run)}: acknowledged p50 ${ms(acknowledged, 0.5)} p99 ${ms(acknowledged, 0.99)} ms, lag p50 ${ms(lags, 0.5)} p99 ${ms(lags, 0.99)} longest ${ms(lags, 1)} ms; ${round(attempts, 2)} attempts to number ${round(perNumbering, 2)} commits`,
  )
  return { p99: percentile(lags, 0.99), acknowledged: percentile(acknowledged, 0.99), attempts }
})
report('simulate', {
  ours: results.map(({ p99 }) => p99),
  must: 150,
  aim: 50,
  unit: 'ms of lag, p99, simulated',
  runs: runs.map(nameOf),
  acknowledgedMsP99: results.map(({ acknowledged }) => acknowledged),
  attempts: results.map(({ attempts }) => attempts),
  partitions,
  workers,
  secondsSimulated: seconds,
})
process.exit(0)
