import type { Lag } from '../telemetry/lag.js'
import { standingOf } from './copies-standing.js'
import type { ConsumerStanding, ServiceStatus } from './service-directory.js'

type Behind = Readonly<Record<string, readonly [events: number, seconds: number]>>
const lag = ([events, seconds]: readonly [number, number]): Lag => ({ events, seconds })
const view = (positions: Record<string, number>, behind: Behind = {}, more: Partial<ConsumerStanding> = {}): ConsumerStanding => ({
  name: 'view:notes@1000',
  positions,
  pending: 0,
  lag: lag(Object.values(behind).reduce(([events, seconds], one) => [events + one[0], Math.max(seconds, one[1])] as const, [0, 0] as const)),
  behind: Object.fromEntries(Object.entries(behind).map(([place, one]) => [place, lag(one)])),
  parked: [],
  ...more,
})
const copy = (consumers: readonly ConsumerStanding[], more: Partial<ServiceStatus> = {}): ServiceStatus => ({
  service: 'notes',
  ready: true,
  version: '1.0.0',
  relay: { events: 0, seconds: 0 },
  consumers,
  ...more,
})
const together = (...consumers: readonly ConsumerStanding[]) => standingOf(consumers.map((one) => copy([one]))).consumers

test('of partitions that are done in one copy or another nothing waits, however far behind the others believe them', () => {
  const copies = [view({ 'notes:0': 10, 'notes:1': 3 }, { 'notes:1': [7, 40] }), view({ 'notes:0': 4, 'notes:1': 10 }, { 'notes:0': [6, 90] })]
  expect(together(...copies)).toEqual([view({ 'notes:0': 10, 'notes:1': 10 })])
})

test('what no copy has done waits as long as the copy says that is the least behind', () => {
  const copies = [
    view({ 'notes:0': 10, 'notes:1': 3 }, { 'notes:1': [7, 40] }),
    view({ 'notes:0': 4, 'notes:1': 8 }, { 'notes:0': [6, 90], 'notes:1': [2, 1] }),
  ]
  expect(together(...copies)).toEqual([view({ 'notes:0': 10, 'notes:1': 8 }, { 'notes:1': [2, 1] })])
})

test('a copy that does not know a partition hides nothing of it', () => {
  expect(together(view({ 'notes:0': 10 }), view({ 'notes:0': 9, 'notes:1': 8 }, { 'notes:0': [1, 5], 'notes:1': [2, 4] }))).toMatchObject([
    { lag: { events: 2, seconds: 4 } },
  ])
})

test('a service is ready where one copy is, publishes what they publish together, and has what one of them has', () => {
  const parked = [{ stream: 'notes/ten_a/note/n1' }]
  const copies = [
    copy([view({}, {}, { pending: 2, parked })], { ready: false, relay: { events: 3, seconds: 7 } }),
    copy([view({}, {}, { pending: 1, lastError: 'TypeError: broken' }), view({}, {}, { name: 'view:new@2000' })], {
      version: '1.1.0',
      relay: { events: 1, seconds: 2, lastError: 'events could not be published: TypeError' },
      lastError: 'events could not be published: TypeError',
    }),
  ]
  expect(standingOf(copies)).toEqual({
    service: 'notes',
    ready: true,
    version: '1.0.0, 1.1.0',
    relay: { events: 4, seconds: 7, lastError: 'events could not be published: TypeError' },
    consumers: [view({}, {}, { pending: 3, parked, lastError: 'TypeError: broken' }), view({}, {}, { name: 'view:new@2000' })],
    lastError: 'events could not be published: TypeError',
  })
})
