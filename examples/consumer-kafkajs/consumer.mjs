// Counts sign-ups and sign-ins by day from the events of identity, each exactly once, into a file. The pattern is that of every consumer:
// keep how far you are beside what you made of it, save both in one step, and drop what you have seen.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Kafka, logLevel } from 'kafkajs'

const { KAFKA_BROKERS = '127.0.0.1:9092', KAFKA_TOPIC_PREFIX = 'pavan', GROUP = 'my-reports', RESULT = 'report.json' } = process.env
const topic = `${KAFKA_TOPIC_PREFIX}.identity.v1`

/** `last`: sequence number by partition. `days`: day → what was counted. In a real consumer both are rows of one database transaction. */
const report = existsSync(RESULT) ? JSON.parse(readFileSync(RESULT, 'utf8')) : { last: {}, days: {} }
const save = () => {
  writeFileSync(`${RESULT}.new`, JSON.stringify(report, null, 2))
  renameSync(`${RESULT}.new`, RESULT)
}

const counters = { 'user.registered': 'signUps', 'sign-in.succeeded': 'signIns' }

function take(event) {
  // Types and fields that you do not know come with newer versions: let them pass.
  const counter = counters[event.type]
  if (!counter) return
  const day = event.time.slice(0, 10)
  report.days[day] ??= { signUps: 0, signIns: 0 }
  report.days[day][counter] += 1
}

const kafka = new Kafka({
  clientId: 'my-reports',
  brokers: KAFKA_BROKERS.split(','),
  logLevel: logLevel.ERROR,
  // With its defaults kafkajs needs half a minute to come back after a broker was away.
  retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 10 },
})
const consumer = kafka.consumer({ groupId: GROUP, sessionTimeout: 6_000, maxWaitTimeInMs: 250 })
await consumer.connect()
await consumer.subscribe({ topic, fromBeginning: true })
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary }) => {
    for (const message of batch.messages) {
      const event = parse(message)
      // Kafka delivers at least once, and a producer may repeat itself: the sequence number of Pavan says what is new.
      if (event && Number(event.sequence) > (report.last[batch.partition] ?? 0)) {
        take(event)
        report.last[batch.partition] = Number(event.sequence)
      }
      resolveOffset(message.offset)
    }
    save()
    await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition: batch.partition, offset: String(Number(batch.lastOffset()) + 1) }] }] })
    await heartbeat()
  },
})
console.log(`Counting ${topic} into ${RESULT}. Ctrl-C ends it.`)

function parse(message) {
  try {
    const event = JSON.parse(message.value.toString())
    if (event.specversion === '1.0') return event
  } catch {
    // Said below.
  }
  console.error(`The record at offset ${message.offset} is no CloudEvent and was passed over.`)
  return undefined
}

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, async () => {
    // Leaves the group in order, so that others take over at once.
    await consumer.disconnect()
    process.exit(0)
  })
