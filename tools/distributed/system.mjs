// The whole system as processes on this machine: a gateway, and copies of every service, on servers that are given.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { root, serverNode } from '../support/node.mjs'
import { freePort, runToEnd, startProcess } from '../services/process.mjs'

export const services = ['admin', 'identity', 'authorization', 'profiles', 'audit', 'analytics']
const program = (app) => join(root, 'apps', app, 'dist', 'main.js')
const flags = ['--disable-warning=ExperimentalWarning']
/** How long a process may take until it is ready, in seconds: modules, topics and the joining of its groups. */
const startSeconds = 120

/** Keys that every process must have, made once for a folder. */
function keysIn(folder) {
  const file = join(folder, 'keys.json')
  if (!existsSync(file)) {
    const key = () => randomBytes(32).toString('base64')
    writeFileSync(file, JSON.stringify({ PAVAN_KEK: key(), PAVAN_CLAIM_KEY: key() }), { mode: 0o600 })
  }
  return JSON.parse(readFileSync(file, 'utf8'))
}

/**
 * Starts everything and resolves when the gateway says that all are ready. `copies` is a number for all services, or one for each that has more than one. `servers` are the variables MONGODB_URL and KAFKA_BROKERS.
 * @param {{ folder: string, servers: Record<string, string>, copies?: number | Record<string, number>, port?: number, env?: Record<string, string>, say?: (line: string) => void }} options
 */
export async function launch({ folder, servers, copies = 2, port, env = {}, say = () => {} }) {
  mkdirSync(join(folder, 'logs'), { recursive: true })
  const gatewayPort = port || (await freePort())
  const base = env.PAVAN_URL ?? `http://localhost:${gatewayPort}`
  const common = { NODE_COMPILE_CACHE: join(root, '.cache', 'v8'), LOG_FORMAT: 'json', ...keysIn(folder), PAVAN_URL: base, ...servers, ...env }
  const processes = []
  const copiesOf = (service) => (typeof copies === 'number' ? copies : (copies[service] ?? 1))
  const most = Math.max(...services.map(copiesOf))
  for (const service of services) {
    for (let copy = 1; copy <= copiesOf(service); copy += 1) processes.push({ service, copy, port: await freePort(), running: undefined })
  }
  const urls = (service) => processes.filter((one) => one.service === service).map((one) => `http://127.0.0.1:${one.port}`)
  const where = services.map((service) => `${service}=${urls(service).join('|')}`).join(',')
  processes.push({ service: 'gateway', copy: 1, port: gatewayPort, running: undefined })

  const logOf = ({ service, copy }) => join(folder, 'logs', `${service}-${copy}.log`)
  const start = (one) => {
    const own = { PORT: String(one.port) }
    if (one.service === 'gateway') own.PAVAN_SERVICES = where
    // One copy writes the operator's secret: two would make two.
    if (one.service === 'identity' && one.copy === 1) own.PAVAN_OPERATOR_FILE = join(folder, 'operator.json')
    one.running = startProcess(serverNode(), [...flags, program(one.service)], { log: logOf(one), env: { ...common, ...own } })
  }
  const readiness = async (one) => {
    const answer = await fetch(`http://127.0.0.1:${one.port}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
    return answer?.status === 200
  }
  const ready = async (those, seconds) => {
    const end = performance.now() + seconds * 1000
    for (const one of those) {
      while (!(await readiness(one))) {
        if (!one.running.alive()) throw new Error(`${one.service} ${one.copy} ended:\n${one.running.lastWords()}`)
        if (performance.now() > end) throw new Error(`${one.service} ${one.copy} was not ready after ${seconds} s:\n${one.running.lastWords()}`)
        await pause(50)
      }
    }
  }
  const stop = async () => {
    await Promise.all(processes.filter(({ running }) => running?.alive()).map(({ running }) => running.stop('SIGTERM', 12)))
  }
  const find = (service, copy = 1) => processes.find((one) => one.service === service && one.copy === copy)
  const output = () => processes.map((one) => (existsSync(logOf(one)) ? readFileSync(logOf(one), 'utf8') : '')).join('\n')

  // The copies come one after the other, as in a rolling start: a set-up link is valid until another copy makes a newer one.
  const startAll = async () => {
    for (let copy = 1; copy <= most; copy += 1) {
      const wave = processes.filter((one) => one.copy === copy)
      say(copy === 1 ? 'Starting the services.' : `Starting copy ${copy} of each.`)
      for (const one of wave) start(one)
      await ready(wave, startSeconds)
    }
  }

  try {
    say('Making the topics.')
    await runToEnd(serverNode(), [...flags, program('cli'), 'kafka', 'migrate'], { env: common })
    await startAll()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    base,
    folder,
    processes,
    env: common,
    /** What each copy that starts says a person should know next. */
    notices: () => {
      const text = readFileSync(logOf(find('identity', copiesOf('identity'))), 'utf8')
      return [...text.matchAll(/^ {2}(\S.*\S)$/gm)].map(([, line]) => line)
    },
    /** Everything that the processes have printed. */
    output,
    find,
    /** Starts a copy again after it has been killed or stopped, on the port that it had. */
    async restart(service, copy = 1) {
      const one = find(service, copy)
      start(one)
      await ready([one], startSeconds)
    },
    /** Starts everything again after a stop. */
    startAll,
    ready: (seconds = 60) => ready(processes, seconds),
    stop,
    async kill() {
      await Promise.all(processes.map(({ running }) => running?.kill()))
    },
  }
}
