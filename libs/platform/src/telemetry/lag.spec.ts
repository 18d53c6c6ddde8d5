import { LagEstimate } from './lag.js'

test('given a follower that keeps up, when somebody looks, then nothing waits', () => {
  const lag = new LagEstimate()
  expect(lag.look(0, 0, 0)).toEqual({ events: 0, seconds: 0 })
  expect(lag.look(10, 10, 15_000)).toEqual({ events: 0, seconds: 0 })
})

test('given a busy log, when the follower is a few events behind at every look, then it is not late', () => {
  const lag = new LagEstimate()
  for (let look = 1; look <= 100; look++) expect(lag.look(look * 1000, look * 1000 - 3, look * 15_000)).toEqual({ events: 3, seconds: 0 })
})

test('given a follower that stands still, when the log grows, then the oldest event that waits says since when', () => {
  const lag = new LagEstimate()
  expect(lag.look(5, 5, 0)).toEqual({ events: 0, seconds: 0 })
  expect(lag.look(7, 5, 15_000)).toEqual({ events: 2, seconds: 0 })
  expect(lag.look(9, 5, 30_000)).toEqual({ events: 4, seconds: 15 })
  expect(lag.look(9, 6, 45_000)).toEqual({ events: 3, seconds: 30 })
  expect(lag.look(9, 7, 60_000)).toEqual({ events: 2, seconds: 30 })
  expect(lag.look(9, 9, 75_000)).toEqual({ events: 0, seconds: 0 })
  expect(lag.look(10, 9, 90_000)).toEqual({ events: 1, seconds: 0 })
})

test('given a follower that stands still for days, when somebody goes on looking, then it is still known since when', () => {
  const lag = new LagEstimate()
  for (let look = 0; look < 100_000; look++) lag.look(look + 1, 0, look * 1000)
  expect(lag.look(200_000, 0, 100_000_000)).toEqual({ events: 200_000, seconds: 100_000 })
})

test('given a follower that has seen more than the last look at the log, then nothing is negative', () => {
  expect(new LagEstimate().look(5, 8, 0)).toEqual({ events: 0, seconds: 0 })
})
