/** The distributed bus, on Apache Kafka. */
export { kafkaBus, type KafkaAdapters } from './kafka-bus.js'
export { kafkaConfig, kafkaOptions, type KafkaConfig } from './kafka-config.js'
export { migrateTopics, type MigrationOptions, type MigratedTopics } from './migrate-topics.js'
export type { Expected } from './check-kafka.js'
export type { KafkaOptions } from './kafka-options.js'
