/** The distributed system for benchmarks: servers, a gateway, one copy of each service, as processes of their own. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { launch } from '../../tools/distributed/system.mjs'
import { cpuSeconds, say, temporaryFolder } from './harness.mjs'
import { bothServers, cpuOfTree, option } from './servers.mjs'

/** `base` and `operator` are those of `startPavan`, so what asks one system asks the other. */
export const startDistributed = async () => {
  const servers = await bothServers()
  try {
    const copies = Number(option('copies', '1'))
    const env = { LOG_LEVEL: 'warn', PAVAN_RATE_LIMITS: 'off', NODE_ENV: 'production' }
    const system = await launch({ folder: temporaryFolder(), servers: servers.env, copies, env })
    say(`  a gateway and ${copies === 1 ? 'one copy' : `${copies} copies`} of each service are ready`)
    const operator = JSON.parse(readFileSync(join(system.folder, 'operator.json'), 'utf8'))
    const pidsOf = (...names) => system.processes.filter(({ service }) => names.includes(service)).map(({ running }) => running.pid)
    const names = [...new Set(system.processes.map(({ service }) => service))]
    return {
      base: system.base,
      operator,
      env: system.env,
      pidsOf,
      /** CPU seconds so far, by service and server. */
      cpu: () => ({
        ...Object.fromEntries(names.map((name) => [name, cpuSeconds(pidsOf(name))])),
        kafka: cpuOfTree(servers.kafka.pids),
        database: cpuOfTree(servers.mongo.pids),
      }),
      stop: async () => {
        await system.stop()
        await servers.stop()
      },
    }
  } catch (error) {
    await servers.stop()
    throw error
  }
}

/** What each process used between two readings, for 1,000 successes. */
export const usedBetween = (before, after, done) =>
  Object.fromEntries(Object.entries(after).map(([name, seconds]) => [name, Number((((seconds - before[name]) / done) * 1000).toFixed(3))]))
