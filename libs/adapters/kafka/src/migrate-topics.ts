/** Makes and settles the topics: the only place that does. Run by a migration before the services start; running it again changes nothing. */
import type { Admin } from 'kafkajs'
import { typeOf } from './kafka-errors.js'
import { makeClient, topicOf, type KafkaOptions } from './kafka-options.js'
import { settingsFor, topicResource } from './topics.js'

export interface MigratedTopics {
  readonly created: readonly string[]
  /** Topics whose settings were changed to ours. */
  readonly changed: readonly string[]
}

export interface MigrationOptions extends KafkaOptions {
  /** Copies of each record. Default: three, or as many as there are brokers. */
  readonly replicationFactor?: number
}

/** Throws when a topic has another number of partitions: to change it would tear streams apart, as their order lives within a partition. */
export const migrateTopics = async (options: MigrationOptions, contexts: readonly string[], partitions: number): Promise<MigratedTopics> => {
  const admin = makeClient(options).admin()
  await admin.connect()
  try {
    const replicas = options.replicationFactor ?? Math.min(3, (await admin.describeCluster()).brokers.length)
    const topics = contexts.map((context) => topicOf(options, context))
    const existing = new Set(await admin.listTopics())
    const known = topics.filter((topic) => existing.has(topic))
    for (const { name, partitions: found } of known.length === 0 ? [] : (await admin.fetchTopicMetadata({ topics: known })).topics)
      if (found.length !== partitions)
        throw new Error(
          `The topic ${name} has ${found.length} partitions and should have ${partitions}. Their number cannot change, because the order of events lives within a partition: set the number back, or move to topics with a new prefix.`,
        )
    const missing = topics.filter((topic) => !existing.has(topic))
    if (missing.length > 0) await create(admin, missing, { partitions, replicas })
    return { created: missing, changed: await settle(admin, known) }
  } finally {
    await admin.disconnect()
  }
}

const create = async (admin: Admin, topics: readonly string[], { partitions, replicas }: { partitions: number; replicas: number }): Promise<void> => {
  const configEntries = Object.entries(settingsFor(replicas)).map(([name, value]) => ({ name, value }))
  await admin.createTopics({
    topics: topics.map((topic) => ({ topic, numPartitions: partitions, replicationFactor: replicas, configEntries })),
    waitForLeaders: false,
  })
  // A new topic is not known to every broker at once.
  for (let left = 200; !(await ledEverywhere(admin, topics)); left -= 1) {
    if (left === 0) throw new Error(`The topics ${topics.join(', ')} were made, but not all of their partitions have a leader yet: run the migration again.`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const ledEverywhere = async (admin: Admin, topics: readonly string[]): Promise<boolean> => {
  try {
    const found = await admin.fetchTopicMetadata({ topics: [...topics] })
    return found.topics.length === topics.length && found.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0))
  } catch (error) {
    if (['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'].includes(typeOf(error) ?? '')) return false
    throw error
  }
}

/** Brings existing topics to our settings and leaves alone what an operator set besides. */
const settle = async (admin: Admin, topics: readonly string[]): Promise<string[]> => {
  if (topics.length === 0) return []
  const metadata = await admin.fetchTopicMetadata({ topics: [...topics] })
  const replicas = new Map(metadata.topics.map(({ name, partitions }) => [name, partitions[0]?.replicas.length ?? 1]))
  const described = await admin.describeConfigs({
    resources: topics.map((name) => ({ type: topicResource, name })),
    includeSynonyms: false,
  })
  const changed = described.resources.flatMap(({ resourceName, configEntries }) => {
    const wanted = settingsFor(replicas.get(resourceName) ?? 1)
    const now = new Map(configEntries.map(({ configName, configValue }) => [configName, configValue]))
    if (Object.entries(wanted).every(([name, value]) => now.get(name) === value)) return []
    const own = configEntries.filter(({ configSource }) => configSource === topicSource).map(({ configName, configValue }) => [configName, configValue])
    return [{ name: resourceName, settings: { ...(Object.fromEntries(own) as Record<string, string>), ...wanted } }]
  })
  if (changed.length > 0)
    await admin.alterConfigs({
      validateOnly: false,
      resources: changed.map(({ name, settings }) => ({
        type: topicResource,
        name,
        configEntries: Object.entries(settings).map(([key, value]) => ({ name: key, value })),
      })),
    })
  return changed.map(({ name }) => name)
}

/** `ConfigSource.TOPIC_CONFIG` of the Kafka protocol: a value set on the topic itself. */
const topicSource = 1
