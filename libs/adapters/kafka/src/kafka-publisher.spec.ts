import type { Kafka, ProducerBatch } from 'kafkajs'
import { KafkaPublisher } from './kafka-publisher.js'
import { event, recordingLog } from './testing/events.js'

type Place = readonly [partition: number, keys: number]

/** A publisher whose producer answers for some partitions of what it is given, and what it was given. */
const publisherOf = (...answers: readonly (readonly number[])[]) => {
  const sent: Place[][] = []
  const sendBatch = async ({ topicMessages = [] }: ProducerBatch) => {
    const messages = topicMessages.flatMap((topic) => topic.messages)
    const byPartition = Map.groupBy(messages, ({ partition }) => partition as number)
    const answered = answers[sent.length] ?? []
    sent.push([...byPartition].map(([partition, { length }]) => [partition, length]))
    return answered.map((partition) => ({ topicName: topicMessages[0]?.topic, partition, errorCode: 0, baseOffset: '40' }))
  }
  const kafka = { producer: () => ({ connect: async () => {}, sendBatch }) } as unknown as Kafka
  return { publisher: new KafkaPublisher(kafka, { brokers: [], prefix: 'spec', log: recordingLog().log }), sent }
}
const events = [0, 1, 1, 2].map((p, seq) => event(seq + 1, { position: { p, seq: seq + 1 } }))

test('what no broker has answered for is sent again, and nothing else', async () => {
  const { publisher, sent } = publisherOf([0], [2], [1])
  expect((await publisher.publish(events)).map(({ p, seq, base, end }) => [p, seq, base, end])).toEqual([
    [0, 1, 40, 41],
    [2, 4, 40, 41],
    [1, 3, 40, 42],
  ])
  expect(sent).toEqual([
    [
      [0, 1],
      [1, 2],
      [2, 1],
    ],
    [
      [1, 2],
      [2, 1],
    ],
    [[1, 2]],
  ])
})

test('where no broker answers for anything, nothing is published', async () => {
  const { publisher, sent } = publisherOf([0, 2], [])
  await expect(publisher.publish(events)).rejects.toThrow('no broker has answered')
  expect(sent).toHaveLength(2)
})
