import type { Kafka } from 'kafkajs'
import { until } from '@pavan/platform/testing/until.js'
import { FetchSession, type Place } from './fetch-session.js'
import { migrateTopics } from './index.js'
import { makeClient } from './kafka-options.js'
import { clusterOf, fetchInSession, type RawBroker, type RawCluster } from './kafkajs-internals.js'
import { useBroker } from './testing/broker.js'

const place = (partition: number, end: number): Place => ({ topic: 't', partition, end })
/** What a fetch says of places. */
const named = (...places: readonly [partition: number, end: string][]) => [
  { topic: 't', partitions: places.map(([partition, fetchOffset]) => ({ partition, fetchOffset })) },
]

describe('what a session says', () => {
  test('first everything, then what has changed, and what is not wanted any more', () => {
    const session = new FetchSession()
    expect(session.next([place(0, 5), place(1, 7)])).toEqual({
      sessionId: 0,
      sessionEpoch: 0,
      topics: named([0, '5'], [1, '7']),
      forgottenTopics: [],
    })
    expect(session.goesOn({ sessionId: 42 })).toBe(true)
    expect(session.next([place(0, 5), place(1, 7)])).toEqual({ sessionId: 42, sessionEpoch: 1, topics: [], forgottenTopics: [] })
    session.goesOn({ sessionId: 42 })
    expect(session.next([place(1, 9), place(2, 0)])).toEqual({
      sessionId: 42,
      sessionEpoch: 2,
      topics: named([1, '9'], [2, '0']),
      forgottenTopics: [{ topic: 't', partitions: [0] }],
    })
  })

  test.each([70, 71])('error %i: the broker knows the session no more, so the next fetch names everything', (errorCode) => {
    const session = new FetchSession()
    session.next([place(0, 5)])
    session.goesOn({ sessionId: 42 })
    expect(session.goesOn({ errorCode, sessionId: 0 })).toBe(false)
    expect(session.next([place(0, 5)])).toMatchObject({ sessionId: 0, sessionEpoch: 0, topics: [{ partitions: [{ fetchOffset: '5' }] }] })
  })

  test('a broker that keeps no session is told everything every time', () => {
    const session = new FetchSession()
    for (const answer of [{ sessionId: 0 }, {}]) {
      expect(session.next([place(0, 5)])).toMatchObject({ sessionId: 0, sessionEpoch: 0, topics: [{ partitions: [{ fetchOffset: '5' }] }] })
      expect(session.goesOn(answer)).toBe(true)
    }
  })

  test('any other error is trouble', () => {
    expect(() => new FetchSession().goesOn({ errorCode: 31 })).toThrow(/error 31/)
  })
})

describe('a session at a broker', () => {
  const options = useBroker()
  let cluster: RawCluster
  let broker: RawBroker
  let client: Kafka
  let topic: string

  beforeEach(async () => {
    const given = options()
    topic = `${given.prefix}.identity.v1`
    await migrateTopics(given, ['identity'], 3)
    client = makeClient(given)
    cluster = clusterOf(client, 30_000)
    await cluster.connect()
    await cluster.addTargetTopic(topic)
    await until(async () => (await cluster.refreshMetadata(), cluster.findTopicPartitionMetadata(topic).length === 3))
    broker = await cluster.findBroker({ nodeId: cluster.findTopicPartitionMetadata(topic)[0]!.leader })
    // A broker learns a moment later than the controller that it leads a partition.
    await until(() =>
      fetch(new FetchSession(), [0, 0, 0]).then(
        () => true,
        () => false,
      ),
    )
  })
  afterEach(() => cluster.disconnect())

  const write = async (partition: number, value: string) => {
    const producer = client.producer({ allowAutoTopicCreation: false })
    await producer.connect()
    await producer.send({ topic, messages: [{ partition, value }] })
    await producer.disconnect()
  }
  const fetch = (session: FetchSession, ends: readonly number[]) =>
    fetchInSession(broker, session.next(ends.map((end, partition) => ({ topic, partition, end }))), {
      maxWaitTime: 50,
      maxBytes: 1_000_000,
      partitionBytes: 100_000,
    })
  const said = ({ responses }: Awaited<ReturnType<typeof fetch>>) =>
    responses.flatMap(({ partitions }) => partitions.map(({ partition, messages }) => [partition, messages.map(({ value }) => String(value))]))

  test('names only what has news, from where each partition was read last', async () => {
    const session = new FetchSession()
    const first = await fetch(session, [0, 0, 0])
    expect(first.sessionId).toBeGreaterThan(0)
    expect(said(first)).toHaveLength(3)
    session.goesOn(first)
    await write(1, 'a')
    const second = await fetch(session, [0, 0, 0])
    expect(said(second)).toEqual([[1, ['a']]])
    session.goesOn(second)
    await write(2, 'b')
    const third = await fetch(session, [0, 1, 0])
    expect(said(third)).toEqual([[2, ['b']]])
    session.goesOn(third)
    // What was answered and not taken comes again.
    const fourth = await fetch(session, [0, 1, 0])
    expect(said(fourth)).toEqual([[2, ['b']]])
    session.goesOn(fourth)
    // A partition that is given up is not answered any more.
    await write(2, 'c')
    await write(0, 'd')
    expect(said(await fetch(session, [0, 1]))).toEqual([[0, ['d']]])
  })

  test('an answer that was lost ends the session, and nothing else', async () => {
    const session = new FetchSession()
    session.goesOn(await fetch(session, [0, 0, 0]))
    // The broker has gone on, the reader has not.
    await fetch(session, [0, 0, 0])
    const answer = await fetch(session, [0, 0, 0])
    expect(session.goesOn(answer)).toBe(false)
    await write(0, 'a')
    const anew = await fetch(session, [0, 0, 0])
    expect(session.goesOn(anew)).toBe(true)
    expect(said(anew)).toContainEqual([0, ['a']])
  })
})
