/** The technology of many processes: state on MongoDB, events on Kafka. */
export { distributedAdapters, distributedConfig, migrateDistributed } from './distributed-adapters.js'
