// The log carried to Kafka by our relay and bus (acks=all), against a bare kafkajs producer that sends the same batches of the same values.
import kafkajs from 'kafkajs'
import { Relay } from '../libs/platform/dist/events/relay.js'
import { calmQueues } from '../libs/adapters/kafka/dist/kafkajs-internals.js'
import { encode } from '../libs/adapters/kafka/dist/cloud-event.js'
import { median, percentile, quick, report, round, say } from './support/harness.mjs'
import { bothServers, cpuOfTree, openBus, openMongo, option, quietLog } from './support/servers.mjs'
import { sampleEvent } from './support/store.mjs'

const events = Number(option('events', quick ? 6_000 : 60_000))
const rounds = quick ? 3 : 5
const partitions = 16
/** Events that the relay reads and publishes at once. */
const batch = 500
const context = 'bench'

// Both sides have the mended timers of kafkajs.
calmQueues()
const servers = await bothServers()
const adapters = openMongo({ url: servers.mongo.url, partitions })
const kafka = new kafkajs.Kafka({ brokers: servers.kafka.brokers, logLevel: kafkajs.logLevel.NOTHING })
const admin = kafka.admin()
const producer = kafka.producer({
  allowAutoTopicCreation: false,
  createPartitioner:
    () =>
    ({ message }) =>
      message.partition,
})

try {
  await Promise.all([admin.connect(), producer.connect()])
  const { store } = await adapters.portsFor(context)
  const perCommit = 10
  say(`  ${events} events in commits of ${perCommit}, in a log on MongoDB of ${partitions} partitions`)
  let made = 0
  const fill = async () => {
    while (made < events) {
      const first = made
      made += perCommit
      const some = Array.from({ length: perCommit }, (_, i) => sampleEvent(first + i))
      await store.append({ tenant: 'ten_bench', category: 'bench', id: `s${first}` }, some, { expected: 0 })
    }
  }
  await Promise.all(Array.from({ length: 64 }, fill))

  /** The batches as the relay makes them, encoded beforehand: the limit only sends. */
  const batches = []
  for (const { p, seq } of store.owned()) {
    for (let after = 0; after < seq;) {
      const some = await store.readAll({ p, seq: after }, batch)
      after = some.at(-1).position.seq
      batches.push(some.map((event) => encode(event)).map(({ headers, ...record }) => ({ ...record, headers: { ...headers } })))
    }
  }

  /** Every partition of the topic has as many records as the log has events, or the run is worth nothing. */
  const check = async (topic) => {
    const offsets = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)]))
    for (const { p, seq } of store.owned()) if (offsets.get(p) !== seq) throw new Error(`${topic} has ${offsets.get(p)} records in partition ${p}, not ${seq}`)
  }
  const measured = async (work) => {
    const [own, broker, database] = [process.cpuUsage(), cpuOfTree(servers.kafka.pids), cpuOfTree(servers.mongo.pids)]
    const started = performance.now()
    await work()
    const seconds = (performance.now() - started) / 1000
    const { user, system } = process.cpuUsage(own)
    const per1000 = (value) => (value / events) * 1000
    return {
      perSecond: events / seconds,
      cpu: per1000((user + system) / 1e6),
      broker: per1000(cpuOfTree(servers.kafka.pids) - broker),
      database: per1000(cpuOfTree(servers.mongo.pids) - database),
    }
  }

  let turn = 0
  const ours = async () => {
    const prefix = `ours${turn++}`
    const carrier = await openBus({ brokers: servers.kafka.brokers, prefix, contexts: [context], partitions })
    const relay = new Relay(context, store, carrier.bus, quietLog())
    const result = await measured(() => relay.start())
    if (relay.lastError) throw new Error(relay.lastError)
    await check(`${prefix}.${context}.v1`)
    await relay.close()
    await carrier.close()
    return result
  }
  const limit = async () => {
    const prefix = `bare${turn++}`
    const carrier = await openBus({ brokers: servers.kafka.brokers, prefix, contexts: [context], partitions })
    const topic = `${prefix}.${context}.v1`
    const send = async (messages) => {
      const written = await producer.sendBatch({ acks: -1, compression: kafkajs.CompressionTypes.GZIP, topicMessages: [{ topic, messages }] })
      if (written.some(({ errorCode }) => errorCode !== 0)) throw new Error('a batch was not written')
    }
    const result = await measured(async () => {
      for (const messages of batches) await send(messages)
    })
    await check(topic)
    await carrier.close()
    return result
  }

  await limit()
  await ours()
  const all = { ours: [], limit: [] }
  for (let index = 0; index < rounds; index++) {
    for (const [name, run] of Object.entries({ limit, ours })) {
      const one = await run()
      all[name].push(one)
      say(
        `  round ${index + 1} ${name.padEnd(5)} ${round(one.perSecond, 0)} events/s  CPU s per 1,000: ${round(one.cpu)} here, ${round(one.broker)} broker, ${round(one.database)} database`,
      )
    }
  }
  // One batch at a time, of one event and of many: what the simulation of many copies takes for the time of an answer.
  const timed = async (times, work) => {
    const taken = []
    for (let i = 0; i < times; i++) {
      const started = performance.now()
      await work()
      taken.push(performance.now() - started)
    }
    return [round(percentile(taken, 0.5)), round(percentile(taken, 0.99))]
  }
  const carrier = await openBus({ brokers: servers.kafka.brokers, prefix: 'alone', contexts: [context, 'other'], partitions })
  const first = store.owned().find(({ seq }) => seq >= 300)
  const read = (count) => store.readAll({ p: first.p, seq: 0 }, count)
  const some = await read(300)
  const times = quick ? 60 : 300
  const cost = async (work) => {
    const [base, long] = [await timed(times, () => work(1)), await timed(times / 3, () => work(300))]
    return { base, each: round(Math.max(0, long[0] - base[0]) / 299, 4) }
  }
  const readMs = await cost(read)
  const sendMs = await cost((count) => carrier.bus.publish(some.slice(0, count)))
  // From the broker's answer to the consumer's handler, in a topic of its own.
  let arrived = () => {}
  const leave = await carrier.bus.subscribe({ group: 'fetch', contexts: ['other'], fromNow: true, handle: async () => arrived() })
  let seq = 0
  const fetchMs = await timed(times, async () => {
    const here = new Promise((resolve) => (arrived = resolve))
    await carrier.bus.publish([{ ...some[0], context: 'other', position: { p: 0, seq: ++seq } }])
    await here
  })
  await leave()
  await carrier.close()

  const of = (name, what) => median(all[name].map((one) => one[what]))
  report('publish', {
    ours: of('ours', 'perSecond'),
    limit: of('limit', 'perSecond'),
    ratio: median(all.ours.map(({ perSecond }, i) => perSecond / all.limit[i].perSecond)),
    must: 0.7,
    aim: 0.9,
    cpuSecondsPer1000: of('ours', 'cpu'),
    limitCpuSecondsPer1000: of('limit', 'cpu'),
    brokerCpuSecondsPer1000: [of('ours', 'broker'), of('limit', 'broker')],
    databaseCpuSecondsPer1000: of('ours', 'database'),
    readMs,
    sendMs,
    sendAndFetchMs: fetchMs,
    fetchMs: [Math.max(0.1, round(fetchMs[0] - sendMs.base[0])), Math.max(0.2, round(fetchMs[1] - sendMs.base[0]))],
    events,
    batches: batches.length,
    bytesPerEvent: batches.flat().reduce((sum, { value, key, headers }) => sum + value.length + key.length + JSON.stringify(headers).length, 0) / events,
  })
} finally {
  await Promise.allSettled([admin.disconnect(), producer.disconnect()])
  await adapters.close()
  await servers.stop()
}
process.exit(0)
