/**
 * What a deployment needs, from the kept results of the benchmarks and from numbers of your own:
 *
 *   node tools/scale.mjs --people 100000000 --active 0.2 --tokens 4 --peak 5
 *
 * docs/guide/scale.md explains each line. The formulas are here and nowhere else.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './support/node.mjs'

const folder = join(root, 'bench/results')
const texts = new Map()
const textOf = (scenario) => {
  if (!texts.has(scenario)) texts.set(scenario, readFileSync(join(folder, `${scenario}.txt`), 'utf8'))
  return texts.get(scenario)
}
/** What a kept result says under a name. */
const kept = (scenario, name) => {
  const line = new RegExp(`^${name}: (.*)$`, 'm').exec(textOf(scenario))
  if (!line) throw new Error(`bench/results/${scenario}.txt does not say ${name}: run npm run bench -- ${scenario}`)
  return JSON.parse(line[1])
}

/** Name, default, what it is. */
const inputs = {
  people: [100_000_000, 'people with an account'],
  active: [0.2, 'share of them who come on a day'],
  logins: [1, 'sign-ins of each of them on that day'],
  tokens: [4, 'further tokens of each of them on that day'],
  peak: [5, 'busiest second, by the mean'],
  busy: [0.6, 'share of a core that is used at the peak'],
  replicas: [3, 'copies of each byte in database and broker'],
  cores: [16, 'cores of a database or broker machine'],
  price: [0.04, 'price of a core for an hour'],
}

const secondsOfDay = 86_400
const daysOfYear = 365
const gigabyte = 1e9
/** Acknowledged within so many milliseconds at the 99th percentile counts as a rate that partitions bear. */
const bearable = 50

const needs = (given) => {
  const { people, active, logins, tokens, peak, busy, replicas, cores, price } = given
  const perProcess = kept('distributed', 'cpuSecondsPer1000ByProcess')
  const eventsPerLogin = kept('distributed', 'eventsPerLogin')
  const bytesPerLogin = kept('distributed', 'bytesPerLogin')
  const bytesPerCommit = kept('append-mongo', 'bytesPerCommit')
  const bytesPerRecord = kept('publish', 'bytesPerEvent')

  const perDay = { logins: people * active * logins, tokens: people * active * tokens }
  const loginsPerSecond = (perDay.logins / secondsOfDay) * peak
  const tokensPerSecond = (perDay.tokens / secondsOfDay) * peak
  const eventsPerDay = perDay.logins * eventsPerLogin + perDay.tokens
  const eventsPerSecond = (eventsPerDay / secondsOfDay) * peak

  const coresOf = (name) => (loginsPerSecond * perProcess.login[name] + tokensPerSecond * perProcess['cc-issue'][name]) / 1000 / busy
  const names = Object.keys(perProcess.login)
  const services = names.filter((name) => name !== 'kafka' && name !== 'database')
  const copies = Object.fromEntries(services.map((name) => [name, Math.max(2, Math.ceil(coresOf(name)))]))

  // The highest simulated rate at which copies do not get in each other's way too much, spread over its partitions.
  const runs = kept('simulate', 'runs')
  const waits = kept('simulate', 'acknowledgedMsP99')
  const borne = runs.flatMap((run, i) => (/^\d+\/s$/.test(run) && waits[i] <= bearable ? [Number.parseInt(run, 10)] : []))
  const perPartition = Math.max(...borne) / kept('simulate', 'partitions')
  const partitions = 2 ** Math.ceil(Math.log2(Math.max(16, eventsPerSecond / perPartition)))

  const year = daysOfYear * replicas
  const events = (eventsPerDay * bytesPerCommit * year) / gigabyte
  const everything = ((perDay.logins * bytesPerLogin + perDay.tokens * bytesPerCommit) * year) / gigabyte
  const topics = (eventsPerDay * bytesPerRecord * year) / gigabyte
  const loginSeconds = Object.values(perProcess.login).reduce((sum, seconds) => sum + seconds, 0) / 1000
  const machines = (name) => Math.ceil(coresOf(name) / cores)
  return {
    loginsPerSecond,
    tokensPerSecond,
    eventsPerSecond,
    partitions,
    perPartition,
    copies,
    databaseCores: coresOf('database'),
    shards: Math.max(1, machines('database')),
    databaseMachines: Math.max(1, machines('database')) * replicas,
    brokerCores: coresOf('kafka'),
    brokers: Math.max(3, machines('kafka')),
    eventGigabytesAYear: events,
    databaseGigabytesAYear: everything,
    topicGigabytesAYear: topics,
    loginSeconds,
    millionLogins: ((loginSeconds * 1e6) / 3600 / busy) * price,
  }
}

const number = (value, digits = 0) => value.toLocaleString('en', { maximumFractionDigits: digits })

const options = Object.fromEntries(Object.entries(inputs).map(([name, [otherwise]]) => [name, { type: 'string', default: String(otherwise) }]))
const { values } = parseArgs({ options })
const given = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]))
const found = needs(given)
const lines = [
  ['sign-ins in the busiest second', number(found.loginsPerSecond)],
  ['further tokens in the busiest second', number(found.tokensPerSecond)],
  ['events in the busiest second', number(found.eventsPerSecond)],
  ['partitions of each log', `${number(found.partitions)} (${number(found.perPartition, 1)} commits a second each)`],
  ...Object.entries(found.copies).map(([name, count]) => [`copies of ${name}, one core each`, number(count)]),
  ['cores of the database', number(found.databaseCores)],
  ['shards', `${number(found.shards)}, so ${number(found.databaseMachines)} machines of ${given.cores} cores`],
  ['cores of the brokers', number(found.brokerCores)],
  ['brokers', `${number(found.brokers)} machines of ${given.cores} cores`],
  ['disk of the database, a year', `${number(found.databaseGigabytesAYear / 1000, 1)} TB with ${given.replicas} replicas`],
  ['disk of the topics, a year', `${number(found.topicGigabytesAYear / 1000, 1)} TB with ${given.replicas} replicas, before compression`],
  ['processor time of a sign-in, everything in', `${number(found.loginSeconds * 1000)} ms`],
  ['a million sign-ins', `${number(found.millionLogins, 2)} at a price of ${given.price} for a core and hour`],
]
for (const [name, [, what]] of Object.entries(inputs)) console.log(`${name.padEnd(10)} ${String(given[name]).padStart(10)}  ${what}`)
console.log()
for (const [what, value] of lines) console.log(`${what.padEnd(46)} ${value}`)
