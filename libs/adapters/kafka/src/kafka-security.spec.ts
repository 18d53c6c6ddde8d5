import { readFileSync } from 'node:fs'
import { until } from '@pavan/platform/testing/until.js'
import { startKafka } from '../../../../tools/services/kafka.mjs'
import { kafkaBus, kafkaConfig, kafkaOptions, migrateTopics } from './index.js'
import { events, recordingLog } from './testing/events.js'

let kafka: Awaited<ReturnType<typeof startKafka>>
beforeAll(async () => {
  kafka = await startKafka({ tls: true, sasl: { username: 'app', password: 'open-sesame' } })
}, 300_000)
afterAll(() => kafka.stop())

const environment = (more: object = {}) => ({
  KAFKA_BROKERS: kafka.brokers.join(','),
  KAFKA_TLS: 'true',
  KAFKA_CA_FILE: kafka.caFile,
  KAFKA_SASL: 'scram-sha-512',
  KAFKA_USERNAME: 'app',
  KAFKA_PASSWORD: 'open-sesame',
  ...more,
})
const optionsOf = (more: object = {}) => ({ ...kafkaOptions(kafkaConfig.parse(environment(more))), log: recordingLog().log, maxWait: 25, timeout: 3_000 })

test.each(['scram-sha-512', 'scram-sha-256', 'plain'])('events travel over TLS, signed in by %s', async (mechanism) => {
  const options = optionsOf({ KAFKA_SASL: mechanism, KAFKA_TOPIC_PREFIX: `by-${mechanism}` })
  await migrateTopics(options, ['identity'], 1)
  const { bus, close } = kafkaBus(options)
  const seqs: number[] = []
  await bus.publish(events(1, 3))
  await bus.subscribe({ group: 'g', contexts: ['identity'], handle: async (batch) => void seqs.push(...batch.events.map(({ position }) => position.seq)) })
  await until(() => seqs.length === 3)
  expect(await bus.heads('identity')).toEqual([{ p: 0, seq: 3 }])
  await close()
})

test.each([
  ['a wrong password', { KAFKA_PASSWORD: 'guessed' }],
  ['no sign-in', { KAFKA_SASL: 'none' }],
  ['an authority that is not trusted', { KAFKA_CA_FILE: undefined }],
  ['no TLS', { KAFKA_TLS: 'false', KAFKA_CA_FILE: undefined }],
])('%s is refused, and the check says so without the password', async (_, wrong) => {
  const adapters = kafkaBus(optionsOf(wrong))
  await expect(adapters.bus.publish(events(1, 1))).rejects.toMatchObject({ name: 'StorageUnavailable' })
  const findings = await adapters.check({ contexts: ['identity'], partitions: 1 })
  expect(findings).toMatchObject([{ level: 'error', remedy: expect.stringContaining('KAFKA_SASL') }])
  expect(JSON.stringify(findings)).not.toMatch(/open-sesame|guessed/)
  await adapters.close()
})

test('the authority is read from the file', () => expect(optionsOf().tls).toEqual({ ca: readFileSync(String(kafka.caFile), 'utf8') }))
