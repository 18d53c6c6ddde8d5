/** Every document and every record that a distributed system keeps, read past its own adapters. */
import kafkajs from 'kafkajs'
import mongoose from 'mongoose'
import type { Stored } from './system.js'

export async function* storedIn(env: Readonly<Record<string, string>>): AsyncGenerator<Stored> {
  yield* documents(env.MONGODB_URL as string, env.PAVAN_DATABASE_PREFIX as string)
  yield* records(env.KAFKA_BROKERS as string, env.KAFKA_TOPIC_PREFIX as string)
}

async function* documents(url: string, prefix: string): AsyncGenerator<Stored> {
  const connection = await mongoose.createConnection(url, { retryWrites: false }).asPromise()
  try {
    const client = connection.getClient()
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true })
    for (const { name } of databases.filter((one) => one.name.startsWith(prefix))) {
      const db = client.db(name)
      for (const { name: collection } of await db.listCollections({}, { nameOnly: true }).toArray()) {
        for await (const document of db.collection(collection).find({}, { raw: true, promoteBuffers: true })) {
          yield { place: `${name}.${collection}`, bytes: Buffer.from(document as unknown as Uint8Array) }
        }
      }
    }
  } finally {
    await connection.close()
  }
}

async function* records(brokers: string, prefix: string): AsyncGenerator<Stored> {
  const kafka = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix))
  const ends = new Map<string, number>()
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) if (Number(high) > Number(low)) ends.set(`${topic}/${partition}`, Number(high))
  }
  await admin.disconnect()
  if (ends.size === 0) return
  const found: Stored[] = []
  const consumer = kafka.consumer({ groupId: `${prefix}.reader.${Date.now()}.${Math.random()}` })
  await consumer.connect()
  try {
    await consumer.subscribe({ topics, fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      const run = consumer.run({
        eachBatch: async ({ batch }) => {
          const place = `${batch.topic}/${batch.partition}`
          for (const { key, value, headers } of batch.messages)
            found.push({ place, bytes: Buffer.concat([key, value, ...Object.values(headers ?? {}).flat()].map((part) => Buffer.from(part ?? ''))) })
          const end = ends.get(place)
          if (end !== undefined && Number(batch.lastOffset()) >= end - 1) ends.delete(place)
          if (ends.size === 0) resolve()
        },
      })
      run.catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  yield* found
}
