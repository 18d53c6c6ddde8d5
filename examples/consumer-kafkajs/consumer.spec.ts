import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { kafkaBus, migrateTopics } from '@pavan/kafka'
import { useBroker } from '../../libs/adapters/kafka/src/testing/broker.js'
import { event } from '../../libs/adapters/kafka/src/testing/events.js'

const options = useBroker()
jest.setTimeout(60_000)

const day = 86_400_000
const start = Date.UTC(2026, 0, 1)
/** Sign-ups and sign-ins over ten days and two partitions, among events that nobody asked for. */
const types = ['user.registered', 'sign-in.succeeded', 'invented.tomorrow', 'sign-in.succeeded']
const events = (p: number, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i).map((seq) =>
    event(seq, { position: { p, seq }, type: types[seq % types.length]!, at: start + (seq % 10) * day }),
  )

test('counts each event once, over kills, repetitions and records that are none', async () => {
  const given = options()
  await migrateTopics(given, ['identity'], 2)
  const adapters = kafkaBus(given)
  const folder = mkdtempSync(join(tmpdir(), 'pavan-consumer-'))
  const result = join(folder, 'report.json')
  const running = new Set<ChildProcess>()
  const begin = () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'consumer.mjs')], {
      stdio: 'ignore',
      env: { ...process.env, KAFKA_BROKERS: given.brokers.join(','), KAFKA_TOPIC_PREFIX: given.prefix, GROUP: `${given.prefix}.reports`, RESULT: result },
    })
    running.add(child)
    child.once('exit', () => running.delete(child))
    return child
  }
  const end = (child: ChildProcess, signal: NodeJS.Signals) => {
    const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
    child.kill(signal)
    return ended
  }
  const report = () =>
    existsSync(result)
      ? (JSON.parse(readFileSync(result, 'utf8')) as { last: Record<string, number>; days: Record<string, { signUps: number; signIns: number }> })
      : undefined
  const reached = async (seq: number) => {
    while (report()?.last['0'] !== seq || report()?.last['1'] !== seq) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const publish = async (from: number, to: number) => {
    for (const p of [0, 1]) await adapters.bus.publish(events(p, from, to))
  }
  try {
    await publish(1, 200)
    let consumer = begin()
    await reached(200)
    await end(consumer, 'SIGKILL')
    await publish(150, 200)
    await publish(201, 400)
    const producer = new Kafka({ brokers: [...given.brokers], logLevel: logLevel.NOTHING }).producer()
    await producer.connect()
    await producer.send({
      topic: `${given.prefix}.identity.v1`,
      messages: [
        { partition: 0, value: 'nonsense' },
        { partition: 1, value: '{}' },
      ],
    })
    await producer.disconnect()
    consumer = begin()
    await publish(401, 600)
    await reached(600)
    expect(await end(consumer, 'SIGTERM')).toBe(0)
    const expected: Record<string, { signUps: number; signIns: number }> = {}
    for (const { at, type } of [...events(0, 1, 600), ...events(1, 1, 600)]) {
      const counted = (expected[new Date(at).toISOString().slice(0, 10)] ??= { signUps: 0, signIns: 0 })
      if (type === 'user.registered') counted.signUps++
      if (type === 'sign-in.succeeded') counted.signIns++
    }
    for (const [date, counted] of Object.entries(expected)) if (counted.signUps + counted.signIns === 0) delete expected[date]
    expect(report()?.days).toEqual(expected)
  } finally {
    for (const child of running) child.kill('SIGKILL')
    await adapters.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
