import { busContract } from '@pavan/platform/testing/bus-contract.js'
import { kafkaBus, migrateTopics } from './index.js'
import { useBroker } from './testing/broker.js'

const options = useBroker()

describe('Apache Kafka', () => {
  describe('bus', () =>
    busContract(async () => {
      const given = options()
      await migrateTopics(given, ['identity', 'admin', 'constructor'], 8)
      return kafkaBus(given)
    }))
})
