/** The servers of the distributed system for benchmarks, and what of the product is opened on them without HTTP. */
import { readdirSync, readFileSync } from 'node:fs'
import mongoose from 'mongoose'
import { SystemClock } from '../../libs/kernel/dist/clock.js'
import { kafkaBus } from '../../libs/adapters/kafka/dist/kafka-bus.js'
import { migrateTopics } from '../../libs/adapters/kafka/dist/migrate-topics.js'
import { mongoAdapters } from '../../libs/adapters/mongo/dist/mongo-adapters.js'
import { Aggregates } from '../../libs/platform/dist/events/aggregates.js'
import { EventCipher } from '../../libs/platform/dist/privacy/event-cipher.js'
import { LocalKeyEncryptionKey } from '../../libs/platform/dist/privacy/kek.js'
import { KeyRing } from '../../libs/platform/dist/privacy/key-ring.js'
import { Ids } from '../../libs/platform/dist/service/ids.js'
import { makeLog } from '../../libs/platform/dist/telemetry/log.js'
import { startKafka } from '../../tools/services/kafka.mjs'
import { startMongo } from '../../tools/services/mongo.mjs'
import { say } from './harness.mjs'

/** The value of an option of the command line, `--events 1000`. */
export const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}

const kinds = {
  documentdb: 'FerretDB on PostgreSQL with DocumentDB (a stand-in for MongoDB; durable)',
  java: 'mongo-java-server (in memory: nothing is durable, so the figure says nothing about durable writes)',
}

/** A server of the MongoDB protocol: MONGODB_URL, or one of our own. `pids` are its processes, empty where the server is somebody else's. */
export const mongoServer = async () => {
  const given = process.env.MONGODB_URL
  const kind = option('mongo', 'documentdb')
  say(`  database: ${given ? 'the server of MONGODB_URL' : kinds[kind]}`)
  if (given) return { url: given, pids: [], stop: async () => {} }
  const server = await startMongo({ kind })
  // The first server of the Java kind names its process in another way.
  return { url: server.url, pids: server.pids ?? [server.pid].filter(Boolean), stop: () => server.stop() }
}

export const kafkaServer = async () => {
  const given = process.env.KAFKA_BROKERS
  const count = Number(option('brokers', '1'))
  say(
    `  broker: ${given ? 'those of KAFKA_BROKERS' : `Apache Kafka, ${count} node${count === 1 ? '' : 's'}, so acks=all waits for ${count === 1 ? 'one' : 'two'}`}`,
  )
  if (given) return { brokers: given.split(','), pids: [], stop: async () => {} }
  const server = await startKafka({ brokers: count })
  return { brokers: server.brokers, pids: server.pids, stop: () => server.stop() }
}

/** Both at once; when one does not start, the other is stopped. */
export const bothServers = async () => {
  const started = await Promise.allSettled([mongoServer(), kafkaServer()])
  const stop = () => Promise.all(started.map(({ value }) => value?.stop()))
  const failed = started.find(({ status }) => status === 'rejected')
  if (failed) {
    await stop()
    throw failed.reason
  }
  const [mongo, kafka] = started.map(({ value }) => value)
  return { mongo, kafka, env: { MONGODB_URL: mongo.url, KAFKA_BROKERS: kafka.brokers.join(',') }, stop }
}

/** User plus system seconds of processes, of their children, and of those children that have ended. */
export const cpuOfTree = (pids) => {
  const seen = new Map()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number)
      // Fields 4 and 14 to 17 of proc_pid_stat(5), in ticks of 10 ms.
      seen.set(Number(name), { parent: fields[1], seconds: (fields[11] + fields[12] + fields[13] + fields[14]) / 100 })
    } catch {
      // It has ended meanwhile.
    }
  }
  const within = (pid) => pids.includes(pid) || (seen.has(pid) && within(seen.get(pid).parent))
  return [...seen].reduce((sum, [pid, { seconds }]) => sum + (within(pid) ? seconds : 0), 0)
}

export const quietLog = () => makeLog({ level: 'error', format: 'json' })

/** The driver's own client, as an application without our store would have it. */
export const bareMongo = async (url) => {
  const client = new mongoose.mongo.MongoClient(url, { maxPoolSize: 64, retryWrites: false })
  await client.connect()
  return client
}

export const benchKey = new Uint8Array(32).fill(7)

export const openMongo = ({ url, prefix = 'bench', claimKey = benchKey, partitions = 16 }) =>
  mongoAdapters({ url, prefix, clock: new SystemClock(), claimKey, partitions })

/** A bus of its own topics. */
export const openBus = async ({ brokers, prefix, contexts, partitions = 16 }) => {
  const options = { brokers, prefix, log: quietLog() }
  await migrateTopics(options, contexts, partitions)
  return kafkaBus(options)
}

/** The services' aggregates over the database of a running system, as one more copy that joins and leaves. `env` is that of its processes. */
export const openRunning = async (env) => {
  const clock = new SystemClock()
  const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'))
  const adapters = mongoAdapters({ url: env.MONGODB_URL, clock, claimKey: bytes(env.PAVAN_CLAIM_KEY) })
  const kek = new LocalKeyEncryptionKey(bytes(env.PAVAN_KEK))
  const ids = new Ids(clock)
  const service = async (name) => {
    const ports = await adapters.portsFor(name)
    return { rows: ports.rows, aggregates: new Aggregates(name, ports.store, new EventCipher(new KeyRing(ports.keys, kek)), clock, ids) }
  }
  return { ids, service, close: () => adapters.close() }
}
