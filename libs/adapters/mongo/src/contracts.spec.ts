import { randomBytes } from 'node:crypto'
import { ManualClock } from '@pavan/kernel'
import { rowsContract } from '@pavan/platform/testing/rows-contract.js'
import { subjectKeyStoreContract } from '@pavan/platform/testing/subject-key-store-contract.js'
import { mongoAdapters } from './mongo-adapters.js'

const url = process.env.MONGODB_URL as string
const suite = url ? describe : describe.skip

suite('MongoDB', () => {
  let clock = new ManualClock()
  const prefix = `spec${randomBytes(4).toString('hex')}`
  const adapters = mongoAdapters({ url, prefix, clock: { now: () => clock.now() }, claimKey: new Uint8Array(32) })
  afterAll(() => adapters.close())
  let services = 0
  const service = async () => ({ ...(await adapters.portsFor(`s${++services}`)), close: async () => undefined })
  describe('rows', () =>
    rowsContract((given) => {
      clock = given
      return service()
    }))
  describe('subject keys', () => subjectKeyStoreContract(async () => {
    const own = mongoAdapters({ url, prefix: prefix + ++services, clock, claimKey: new Uint8Array(32) })
    return { ...(await own.portsFor('identity')), close: () => own.close() }
  }))
})
