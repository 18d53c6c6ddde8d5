/** What is wrong with the brokers, topics and settings, in words, for `pavan doctor`. */
import { connect } from 'node:net'
import type { Admin } from 'kafkajs'
import type { Finding } from '@pavan/platform/service/finding.js'
import { describe, within } from './kafka-errors.js'
import { defaults, makeClient, topicOf, type KafkaOptions } from './kafka-options.js'
import { clusterOf } from './kafkajs-internals.js'
import { minInsync, settingsFor, topicResource } from './topics.js'

export interface Expected {
  readonly contexts: readonly string[]
  readonly partitions: number
}

interface Address {
  readonly host: string
  readonly port: number
}

/** Never throws: what cannot be found out is a finding. Takes at most about twice the timeout of the options. */
export const checkKafka = async (options: KafkaOptions, expected: Expected): Promise<readonly Finding[]> => {
  let advertised: readonly Address[]
  try {
    advertised = await within(options.timeout ?? defaults.timeout, 'check', () => brokersOf(options))
  } catch (error) {
    return [unreachable(options, error)]
  }
  const away = (await Promise.all(advertised.map(async (address) => ((await answers(address)) ? [] : [address])))).flat()
  if (away.length > 0) return away.map(({ host, port }) => wrongListener(options, host, port))
  const admin = makeClient(options, { retry: { retries: 2 } }).admin()
  try {
    return await within(options.timeout ?? defaults.timeout, 'check', async () => {
      await admin.connect()
      return [
        { level: 'ok', sentence: `Kafka answers: ${advertised.length} brokers.` } as const,
        ...(await checkTopics(admin, options, { ...expected, brokers: advertised.length })),
      ]
    })
  } catch (error) {
    return [unreachable(options, error)]
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

const unreachable = (options: KafkaOptions, error: unknown): Finding => ({
  level: 'error',
  sentence: `Kafka cannot be used at ${options.brokers.join(', ')}: ${describe(error)}.`,
  remedy: 'Check KAFKA_BROKERS, that the brokers run, and that KAFKA_TLS, KAFKA_SASL, KAFKA_USERNAME and KAFKA_PASSWORD fit the listener.',
})

const wrongListener = (options: KafkaOptions, host: string, port: number): Finding => ({
  level: 'error',
  sentence: `${options.brokers.join(', ')} answers, but the broker calls itself ${host}:${port}, and nothing answers there from this machine.`,
  remedy: 'Set advertised.listeners of the broker to a host and port that its clients can reach.',
})

/** What the brokers call themselves: clients go there, whatever address they began with. */
const brokersOf = async (options: KafkaOptions): Promise<readonly Address[]> => {
  const cluster = clusterOf(makeClient(options, { retry: { retries: 1, initialRetryTime: 100 } }), defaults.metadataAge)
  try {
    await cluster.connect()
    await cluster.refreshMetadata()
    return cluster.brokerPool.metadata?.brokers ?? []
  } finally {
    await cluster.disconnect().catch(() => {})
  }
}

const answers = ({ host, port }: Address): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (open: boolean): void => {
      socket.destroy()
      resolve(open)
    }
    socket.setTimeout(3_000, () => end(false))
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })

const migrate = 'Run the migration of topics.'

const checkTopics = async (admin: Admin, options: KafkaOptions, expected: Expected & { brokers: number }): Promise<Finding[]> => {
  const topics = expected.contexts.map((context) => topicOf(options, context))
  const existing = new Set(await admin.listTopics())
  const found = topics.filter((topic) => existing.has(topic))
  const missing = topics
    .filter((topic) => !existing.has(topic))
    .map((topic): Finding => ({ level: 'error', sentence: `The topic ${topic} is missing.`, remedy: migrate }))
  if (found.length === 0) return missing
  const [metadata, configs] = await Promise.all([
    admin.fetchTopicMetadata({ topics: found }),
    admin.describeConfigs({ resources: found.map((name) => ({ type: topicResource, name })), includeSynonyms: false }),
  ])
  const findings = metadata.topics.flatMap(({ name, partitions }) => {
    const settings = new Map(configs.resources.find(({ resourceName }) => resourceName === name)?.configEntries.map((one) => [one.configName, one.configValue]))
    const replicas = Math.min(...partitions.map((one) => one.replicas.length))
    const lagging = partitions.filter((one) => one.isr.length < one.replicas.length).length
    return [
      ...checkCopies({ name, replicas, lagging, brokers: expected.brokers }),
      ...checkCount(name, partitions.length, expected.partitions),
      ...checkSettings(name, replicas, settings),
    ]
  })
  const wrong = [...missing, ...findings]
  return wrong.length > 0 ? wrong : [{ level: 'ok', sentence: `All ${found.length} topics are as they should be.` }]
}

const checkCount = (name: string, found: number, wanted: number): Finding[] =>
  found === wanted
    ? []
    : [
        {
          level: 'error',
          sentence: `The topic ${name} has ${found} partitions, and the system is set to ${wanted}.`,
          remedy: 'Set the number of partitions back: it cannot change, because the order of events lives within a partition.',
        },
      ]

const checkCopies = ({ name, replicas, lagging, brokers }: { name: string; replicas: number; lagging: number; brokers: number }): Finding[] => [
  ...(replicas < Math.min(3, brokers)
    ? [
        {
          level: 'warning',
          sentence: `The topic ${name} keeps ${replicas} copies on ${brokers} brokers.`,
          remedy: 'Raise it to three with kafka-reassign-partitions.',
        } as const,
      ]
    : []),
  ...(lagging > 0
    ? [
        {
          level: 'warning',
          sentence: `${lagging} partitions of ${name} have a copy that is not up to date.`,
          remedy: 'Look whether a broker is down or slow.',
        } as const,
      ]
    : []),
]

const checkSettings = (name: string, replicas: number, settings: ReadonlyMap<string, string>): Finding[] => {
  const forgets = settings.get('cleanup.policy') !== 'delete' || settings.get('retention.ms') !== '-1' || settings.get('retention.bytes') !== '-1'
  const insync = Number(settings.get('min.insync.replicas'))
  return [
    ...(forgets
      ? [
          {
            level: 'error',
            sentence: `The topic ${name} forgets events after a while.`,
            remedy: `${migrate} It sets retention.ms to -1 and cleanup.policy to delete.`,
          } as const,
        ]
      : []),
    ...(insync < minInsync(replicas)
      ? [
          {
            level: 'warning',
            sentence: `The topic ${name} acknowledges events that only ${insync} broker has.`,
            remedy: `${migrate} It sets min.insync.replicas to ${settingsFor(replicas)['min.insync.replicas']}.`,
          } as const,
        ]
      : []),
  ]
}
