import { Kafka } from 'kafkajs'
// @ts-expect-error kafkajs declares no types for its inside.
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'
import { calmQueues, clusterOf } from './kafkajs-internals.js'

calmQueues()

const logger = { debug: () => {}, warn: () => {} }
const queue = (maxInFlightRequests: number | null = null) =>
  new RequestQueue({ maxInFlightRequests, requestTimeout: 30_000, enforceRequestTimeout: false, clientId: 'c', broker: 'b', logger })
let ids = 0
const request = (sent: number[]) => {
  const correlationId = ids++
  return { entry: { correlationId, resolve: () => {}, reject: () => {} }, expectResponse: true, sendRequest: () => sent.push(correlationId), correlationId }
}

beforeEach(() => jest.useFakeTimers())
afterEach(() => jest.useRealTimers())

test('a connection on which nothing waits sets no timer', () => {
  const idle = queue()
  for (let i = 0; i < 100; i++) {
    const one = request([])
    idle.push(one)
    idle.fulfillRequest({ correlationId: one.correlationId, payload: undefined, size: 0 })
  }
  expect(jest.getTimerCount()).toBe(0)
})

test('while the broker asks us to hold back, what waits is sent as soon as it may be', () => {
  const held = queue()
  const sent: number[] = []
  held.maybeThrottle(500)
  held.push(request(sent))
  expect(sent).toEqual([])
  expect(jest.getTimerCount()).toBe(1)
  jest.advanceTimersByTime(510)
  expect(sent).toHaveLength(1)
  expect(jest.getTimerCount()).toBe(0)
})

test('what waits for an answer to another request is sent after it', () => {
  const narrow = queue(1)
  const sent: number[] = []
  const [first, second] = [request(sent), request(sent)]
  narrow.push(first)
  narrow.push(second)
  expect(sent).toEqual([first.correlationId])
  narrow.fulfillRequest({ correlationId: first.correlationId, payload: undefined, size: 0 })
  expect(sent).toEqual([first.correlationId, second.correlationId])
})

test('the inside of kafkajs is where we look for it', () => {
  const cluster = clusterOf(new Kafka({ brokers: ['127.0.0.1:1'] }), 1000)
  for (const name of [
    'connect',
    'disconnect',
    'isConnected',
    'addTargetTopic',
    'refreshMetadata',
    'refreshMetadataIfNecessary',
    'findTopicPartitionMetadata',
    'findBroker',
    'fetchTopicsOffset',
  ])
    expect(typeof cluster[name as keyof typeof cluster]).toBe('function')
  expect(cluster.brokerPool.metadata).toBeNull()
})
