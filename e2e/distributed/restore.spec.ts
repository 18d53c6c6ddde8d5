/** A backup of the databases, restored onto topics that do not exist yet: everything is there, and the system goes on from it. */
import mongoose, { type mongo } from 'mongoose'
import { DistributedSystem } from '../support/distributed-system.js'
import { makeTenant } from '../support/tenant.js'
import { Workload } from '../support/workload.js'

type Backup = ReadonlyMap<string, ReadonlyMap<string, readonly mongo.Document[]>>

const withServer = async <T>({ env }: DistributedSystem, work: (client: mongo.MongoClient, names: readonly string[]) => Promise<T>): Promise<T> => {
  const connection = await mongoose.createConnection(env.MONGODB_URL as string, { retryWrites: false }).asPromise()
  try {
    const client = connection.getClient() as unknown as mongo.MongoClient
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true })
    return await work(
      client,
      databases.map(({ name }) => name).filter((name) => name.startsWith(env.PAVAN_DATABASE_PREFIX as string)),
    )
  } finally {
    await connection.close()
  }
}

const backUp = (system: DistributedSystem): Promise<Backup> =>
  withServer(system, async (client, names) => {
    const backup = new Map<string, Map<string, mongo.Document[]>>()
    for (const name of names) {
      const collections = new Map<string, mongo.Document[]>()
      for (const { name: collection } of await client.db(name).listCollections({}, { nameOnly: true }).toArray())
        collections.set(collection, await client.db(name).collection(collection).find({}, { promoteBuffers: false, promoteValues: false }).toArray())
      backup.set(name, collections)
    }
    return backup
  })

const lose = (system: DistributedSystem): Promise<void> =>
  withServer(system, async (client, names) => {
    for (const name of names) await client.db(name).dropDatabase()
  })

const restore = (system: DistributedSystem, backup: Backup): Promise<void> =>
  withServer(system, async (client) => {
    for (const [name, collections] of backup)
      for (const [collection, documents] of collections)
        if (documents.length > 0)
          await client
            .db(name)
            .collection(collection)
            .insertMany([...documents])
  })

test('the databases are enough: topics are filled from the logs, views go on, nothing is missing or doubled', async () => {
  const system = await DistributedSystem.start({ env: {} })
  const tenant = await makeTenant(system, 'restored')
  const workload = new Workload(system, tenant, { seed: 11 })
  await workload.prepare(5)
  workload.start(10)
  while (workload.acknowledged < 60) await new Promise((resolve) => setTimeout(resolve, 50))
  await workload.stop()
  expect(await workload.verify()).toEqual([])
  const before = await workload.snapshot()
  await system.stop()

  const backup = await backUp(system)
  await lose(system)
  await restore(system, backup)
  await using restored = await system.again({ KAFKA_TOPIC_PREFIX: `${system.env.KAFKA_TOPIC_PREFIX}-again` })
  expect(await workload.snapshot()).toBe(before)
  workload.start(10)
  const goal = workload.acknowledged + 40
  while (workload.acknowledged < goal) await new Promise((resolve) => setTimeout(resolve, 50))
  await workload.stop()
  expect(await workload.verify()).toEqual([])
  expect(restored.base).toBe(system.base)
}, 300_000)
