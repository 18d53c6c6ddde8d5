// `npm run distributed`: the whole system as processes, two copies of each service behind a gateway, on Apache Kafka and a MongoDB protocol server.
// The servers are started without Docker, or MONGODB_URL and KAFKA_BROKERS name your own. `--copies N`, `--mongo documentdb`, `--brokers N`.
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { launch } from './distributed/system.mjs'
import { startServers } from './services/start.mjs'
import { ensureInstalled } from './support/install.mjs'
import { requireNode, root, stop as fail } from './support/node.mjs'
import { buildOrStop } from './support/run.mjs'

requireNode()
const { values } = parseArgs({
  options: {
    copies: { type: 'string', default: '2' },
    mongo: { type: 'string', default: 'java' },
    brokers: { type: 'string', default: '1' },
  },
})
await ensureInstalled()
await buildOrStop()
const folder = resolve(root, process.env.PAVAN_DATA ?? '.cache/distributed')
mkdirSync(folder, { recursive: true })
const say = (line) => console.error(line)

let servers
let system
let ending
async function end(code) {
  ending ??= (async () => {
    await system?.stop()
    await servers?.stop()
    process.exit(code)
  })()
  await ending
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(0))

try {
  servers = await startServers({ mongo: values.mongo, brokers: Number(values.brokers), say })
  system = await launch({ folder, servers: servers.env, copies: Number(values.copies), port: Number(process.env.PORT ?? 8080), say })
} catch (error) {
  await servers?.stop()
  fail(String(error.message ?? error), 'Mend what is named above, then run the same command again.')
}
const notices = [
  ...system.notices(),
  `API reference  ${system.base}/docs`,
  `Operator       ${folder}/operator.json`,
  `Logs           ${folder}/logs`,
  `Demo           PAVAN_URL=${system.base} PAVAN_DATA=${folder} npm run demo`,
  `MongoDB        ${servers.env.MONGODB_URL}`,
  `Kafka          ${servers.env.KAFKA_BROKERS}`,
]
console.log(
  `\nPavan is ready at ${system.base}: a gateway and ${values.copies} copies of each service.\n\n${notices.map((line) => `  ${line}`).join('\n')}\n\nCtrl-C stops everything.`,
)
for (const { service, copy, running } of system.processes) {
  const watch = setInterval(() => {
    if (running.alive() || ending) return
    clearInterval(watch)
    if (!ending) say(`${service} ${copy} has ended:\n${running.lastWords()}`)
  }, 1000)
  watch.unref()
}
setInterval(() => {}, 60_000)
