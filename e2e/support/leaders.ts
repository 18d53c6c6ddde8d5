/** Moves the leaders of partitions while a system works. */
import { Kafka, logLevel, type Admin } from 'kafkajs'
import { eventually } from './parallel.js'

interface Partition {
  readonly topic: string
  readonly partition: number
  readonly leader: number
  readonly replicas: readonly number[]
}

const assign = (admin: Admin, partitions: readonly Partition[], replicasOf: (one: Partition) => number[]): Promise<unknown> =>
  admin.alterPartitionReassignments({
    topics: [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, some]) => ({
      topic,
      partitionAssignment: some.map((one) => ({ partition: one.partition, replicas: replicasOf(one) })),
    })),
  })

/**
 * The partitions of the topics with a prefix that a broker leads get another leader: it is no replica of theirs any more until another one leads. The others stay where they
 * are, so that whoever writes to several at once is refused for some of them. `nth` of the brokers that lead any.
 */
export const moveLeaders = async (brokers: readonly string[], prefix: string, nth: number): Promise<void> => {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix))
    const partitions = async (): Promise<readonly Partition[]> =>
      (await admin.fetchTopicMetadata({ topics })).topics.flatMap(({ name, partitions: all }) =>
        all.map(({ partitionId, leader, replicas }) => ({ topic: name, partition: partitionId, leader, replicas })),
      )
    const all = await partitions()
    const leading = [...new Set(all.map(({ leader }) => leader))].toSorted((a, b) => a - b)
    const from = leading[nth % leading.length] as number
    const before = all.filter(({ leader }) => leader === from)
    const others = ({ replicas, leader }: Partition) => replicas.filter((one) => one !== leader)
    await assign(admin, before, others)
    await eventually(async () => (await partitions()).every(({ leader }) => leader !== from && leader >= 0))
    await assign(admin, before, (one) => [...others(one), one.leader])
    await eventually(async () => (await admin.listPartitionReassignments({})).topics.length === 0)
  } finally {
    await admin.disconnect()
  }
}
