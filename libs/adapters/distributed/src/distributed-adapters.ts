/** What every application of the distributed system, and the commands of its operator, open: state on MongoDB, events on Kafka. */
import { contexts } from '@pavan/contracts'
import { kafkaBus, kafkaConfig, kafkaOptions, migrateTopics, type MigratedTopics } from '@pavan/kafka'
import { mongoAdapters, mongoConfig } from '@pavan/mongo'
import type { Adapters } from '@pavan/platform/service/adapters.js'
import { composeAdapters } from '@pavan/platform/service/compose-adapters.js'
import type { Start } from '@pavan/platform/service/run-app.js'
import { readConfig } from '@pavan/platform/service/service-config.js'

/** Environment of every application of the distributed system, by what it is about. */
export const distributedConfig = [
  ['Distributed: MongoDB', mongoConfig],
  ['Distributed: Kafka', kafkaConfig],
] as const

type Given = Pick<Start, 'env' | 'clock' | 'log'>

export const distributedAdapters = ({ env, clock, log }: Given): Adapters => {
  const state = readConfig(mongoConfig, env)
  const partitions = state.PAVAN_PARTITIONS
  const carrier = kafkaBus({ ...kafkaOptions(readConfig(kafkaConfig, env)), log })
  const mongo = mongoAdapters({ url: state.MONGODB_URL, prefix: state.PAVAN_DATABASE_PREFIX, partitions, claimKey: state.PAVAN_CLAIM_KEY, clock })
  return composeAdapters(mongo, { ...carrier, check: () => carrier.check({ contexts, partitions }) })
}

/** Makes the topics of all contexts, or settles those that are there. Run before the first start, and after an update. */
export const migrateDistributed = ({ env, log }: Pick<Given, 'env' | 'log'>): Promise<MigratedTopics> => {
  const { PAVAN_PARTITIONS: partitions } = readConfig(mongoConfig.pick({ PAVAN_PARTITIONS: true }), env)
  return migrateTopics({ ...kafkaOptions(readConfig(kafkaConfig, env)), log }, contexts, partitions)
}
