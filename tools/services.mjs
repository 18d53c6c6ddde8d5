// `npm run services [-- --mongo documentdb --brokers 3]`: starts Apache Kafka and a server of the MongoDB protocol on 127.0.0.1 and keeps them
// until Ctrl-C. What MONGODB_URL or KAFKA_BROKERS names is used instead of a server of ours.
import { parseArgs } from 'node:util'
import { ensureInstalled } from './support/install.mjs'
import { requireNode, stop } from './support/node.mjs'

requireNode()
const { mongo, brokers } = readArguments()
await ensureInstalled()
const { startServers } = await import('./services/start.mjs')

const servers = await startServers({ mongo, brokers }).catch((error) => stop('The servers could not be started.', error.message))
// A timer keeps the program alive when both servers are somebody else's.
const stay = setInterval(() => {}, 1 << 30)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, async () => {
    clearInterval(stay)
    await servers.stop()
    process.exit(0)
  })
// Said last: whoever reads it may end this program at once.
console.log(`MONGODB_URL=${servers.env.MONGODB_URL}\nKAFKA_BROKERS=${servers.env.KAFKA_BROKERS}`)
console.error('Ready. Ctrl-C stops them.')

function readArguments() {
  try {
    const options = { mongo: { type: 'string', default: 'java' }, brokers: { type: 'string', default: '1' } }
    const { values } = parseArgs({ options })
    if (!['java', 'documentdb'].includes(values.mongo)) throw new Error(`--mongo is java or documentdb, not ${values.mongo}.`)
    if (!['1', '3'].includes(values.brokers)) throw new Error(`--brokers is 1 or 3, not ${values.brokers}.`)
    return { mongo: values.mongo, brokers: Number(values.brokers) }
  } catch (error) {
    return stop(error.message, 'Usage: npm run services [-- --mongo java|documentdb --brokers 1|3]')
  }
}
