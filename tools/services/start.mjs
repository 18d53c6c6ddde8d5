// Both servers that the distributed system stands on; what MONGODB_URL or KAFKA_BROKERS names is used as it is.
import { startKafka } from './kafka.mjs'
import { startMongo } from './mongo.mjs'

/** `{ env: { MONGODB_URL, KAFKA_BROKERS }, stop }`; when one cannot start, the other is stopped before the error is thrown. */
export async function startServers({ mongo = 'java', brokers = 1, say = console.error } = {}) {
  const { MONGODB_URL, KAFKA_BROKERS } = process.env
  const [database, broker] = await Promise.allSettled([
    MONGODB_URL ? { url: MONGODB_URL, stop() {} } : startMongo({ kind: mongo, say }),
    KAFKA_BROKERS ? { brokers: KAFKA_BROKERS.split(','), stop() {} } : startKafka({ brokers, say }),
  ])
  const stop = () => Promise.all([database, broker].map(({ value }) => value?.stop()))
  const failed = [database, broker].find(({ status }) => status === 'rejected')
  if (failed) {
    await stop()
    throw failed.reason
  }
  return { env: { MONGODB_URL: database.value.url, KAFKA_BROKERS: broker.value.brokers.join(',') }, stop }
}
