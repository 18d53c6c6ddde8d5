import { kafkaConfig, kafkaOptions } from './index.js'

test('without settings it is a broker on this machine, plainly', () => {
  expect(kafkaOptions(kafkaConfig.parse({}))).toEqual({ brokers: ['127.0.0.1:9092'], prefix: 'pavan' })
})

test('everything can be set', () => {
  const config = kafkaConfig.parse({
    KAFKA_BROKERS: 'a.example:9092, [::1]:9093',
    KAFKA_TLS: 'true',
    KAFKA_SASL: 'scram-sha-512',
    KAFKA_USERNAME: 'pavan',
    KAFKA_PASSWORD: 'pass word',
    KAFKA_TOPIC_PREFIX: 'blue.pavan',
  })
  expect(kafkaOptions(config)).toEqual({
    brokers: ['a.example:9092', '[::1]:9093'],
    prefix: 'blue.pavan',
    tls: true,
    sasl: { mechanism: 'scram-sha-512', username: 'pavan', password: 'pass word' },
  })
})

test.each([
  ['a broker without a port', { KAFKA_BROKERS: 'kafka' }],
  ['no broker', { KAFKA_BROKERS: ' , ' }],
  ['an unknown way to sign in', { KAFKA_SASL: 'gssapi' }],
  ['a sign-in without a name', { KAFKA_SASL: 'plain', KAFKA_PASSWORD: 'x' }],
  ['a prefix that is no topic name', { KAFKA_TOPIC_PREFIX: 'a/b' }],
])('%s is refused', (_, environment) => expect(kafkaConfig.safeParse(environment).success).toBe(false))
