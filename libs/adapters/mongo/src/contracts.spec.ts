import { ManualClock } from '@pavan/kernel'
import { eventStoreContract } from '@pavan/platform/testing/event-store-contract.js'
import { rowsContract } from '@pavan/platform/testing/rows-contract.js'
import { subjectKeyStoreContract } from '@pavan/platform/testing/subject-key-store-contract.js'
import { scratch } from './testing/scratch.js'
import { whereMongo } from './testing/where-mongo.js'

whereMongo('the contracts on MongoDB', (url) => {
  /** Databases of its own for each test. */
  const service = async (clock = new ManualClock()) => {
    const { adapters, close } = scratch({ url, clock, partitions: 1, databases: ['identity'] })
    return { ...(await adapters.portsFor('identity')), context: 'identity', close }
  }
  /** Without it copies would trust what they remember, and wait for positions that nobody stores. */
  test('rows say that other copies write them', async () => {
    const { rows, close } = await service()
    expect(rows.shared).toBe(true)
    await close()
  })
  describe('event store', () => eventStoreContract(service))
  describe('rows', () => rowsContract(service))
  describe('subject keys', () => subjectKeyStoreContract(service))
})
