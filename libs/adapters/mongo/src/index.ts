/** The distributed technology of state: event store, rows, leases and subject keys on MongoDB. */
export { mongoAdapters, type MongoAdapters, type MongoAdaptersOptions } from './mongo-adapters.js'
export { mongoConfig, type MongoConfig } from './mongo-config.js'
