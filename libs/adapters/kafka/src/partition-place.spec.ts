import { PartitionPlace } from './partition-place.js'
import { event, events } from './testing/events.js'

const none = { offset: -1, seq: undefined }
const seqs = (place: PartitionPlace, list = events(1, 10)) => place.sift(list).events.map(({ position }) => position.seq)

describe('where a member begins', () => {
  test.each([
    ['a group without a past', undefined, none, 0],
    ['a group that left off', undefined, { offset: 8, seq: 5 }, 8],
    ['a consumer that knows its place', 5, none, 5],
    ['and whose group knows a better offset', 5, { offset: 9, seq: 5 }, 9],
    ['and whose group is behind', 5, { offset: 3, seq: 2 }, 5],
    ['and whose group is ahead: the consumer was restored from a copy', 5, { offset: 20, seq: 18 }, 5],
    ['and whose group was set by somebody else', 5, { offset: 20, seq: undefined }, 5],
    ['a consumer that begins again', 0, { offset: 20, seq: 18 }, 0],
  ])('%s', (_, from, committed, next) => expect(new PartitionPlace(from, committed).next).toBe(next))
})

test('what came before is dropped, also when it is repeated among the new', () => {
  const place = new PartitionPlace(3, none)
  expect(seqs(place, [...events(2, 6), ...events(4, 8)])).toEqual([4, 5, 6, 7, 8])
})

test('events that were not resolved come again', () => {
  const place = new PartitionPlace(0, none)
  expect(seqs(place, events(1, 3))).toEqual([1, 2, 3])
  expect(seqs(place, events(1, 3))).toEqual([1, 2, 3])
  place.done(3, 3)
  expect(seqs(place, events(1, 4))).toEqual([4])
})

test('events that were resolved come again to who has lost them', () => {
  const place = new PartitionPlace(0, none)
  place.done(8, 6)
  place.goBack(2)
  expect([place.next, place.seq, seqs(place, events(1, 6))]).toEqual([2, 2, [3, 4, 5, 6]])
})

test('a gap is told once for a batch, and what came is delivered', () => {
  const place = new PartitionPlace(2, none)
  expect(place.sift([event(3), event(7), event(9)])).toMatchObject({ gap: { after: 3, found: 7 }, events: [{ id: 'evt_3' }, { id: 'evt_7' }, { id: 'evt_9' }] })
})

test('a place that begins too late is looked for from the beginning, once', () => {
  const place = new PartitionPlace(2, { offset: 40, seq: 2 })
  expect(place.startsTooLate(event(3))).toBe(false)
  expect(place.startsTooLate(event(5))).toBe(true)
  expect(place.next).toBe(0)
  expect(place.startsTooLate(event(5))).toBe(false)
})

test('a group whose offset somebody else set takes what comes first as it is', () => {
  const place = new PartitionPlace(undefined, { offset: 4, seq: undefined })
  expect(place.startsTooLate(event(50))).toBe(false)
  expect(place.sift([event(50), event(51)])).toEqual({ events: [event(50), event(51)] })
})
