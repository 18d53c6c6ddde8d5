import mongoose from 'mongoose'
import { Together } from './together.js'

const { MongoNetworkError, MongoServerError } = mongoose.mongo
/** Commands that end when they are told to. */
const setUp = (sizeOf?: (item: string) => number) => {
  const sent: (readonly string[])[] = []
  const ends: ((error?: Error) => void)[] = []
  const together = new Together<string, string>((items) => {
    sent.push(items)
    return new Promise((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve(items.map((item) => item.toUpperCase())))))
  }, sizeOf)
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return { together, sent, ends, turn }
}

test('those who ask in one turn, or while a command is under way, are one command', async () => {
  const { together, sent, ends, turn } = setUp()
  const first = ['a', 'b'].map((item) => together.run(item))
  await turn()
  // Another one may begin beside it, a little later.
  const second = ['c', 'd', 'e'].map((item) => together.run(item))
  ends[0]?.()
  expect(await Promise.all(first)).toEqual(['A', 'B'])
  await turn()
  ends[1]?.()
  expect([await Promise.all(second), sent]).toEqual([
    ['C', 'D', 'E'],
    [
      ['a', 'b'],
      ['c', 'd', 'e'],
    ],
  ])
})

test('a command that stands still holds up nobody but its own', async () => {
  const { together, sent, ends, turn } = setUp()
  const stuck = together.run('a')
  await turn()
  const later = together.run('b')
  while (sent.length < 2) await turn()
  ends[1]?.()
  expect([await later, sent]).toEqual(['B', [['a'], ['b']]])
  ends[0]?.()
  await stuck
})

test('a command has at most a hundred, and less of what is long', async () => {
  const many = setUp()
  for (let n = 0; n < 150; n++) void many.together.run(`${n}`)
  await many.turn()
  many.ends[0]?.()
  await many.turn()
  expect(many.sent.map(({ length }) => length)).toEqual([100, 50])
  const long = setUp(() => 3_000_000)
  for (const item of ['a', 'b']) void long.together.run(item)
  await long.turn()
  long.ends[0]?.()
  await long.turn()
  expect(long.sent).toEqual([['a'], ['b']])
})

test('what may have been done has failed for all, and nothing is sent again', async () => {
  const { together, sent, ends, turn } = setUp()
  const outcomes = Promise.allSettled(['a', 'b'].map((item) => together.run(item)))
  await turn()
  ends[0]?.(new MongoNetworkError('lost'))
  expect([(await outcomes).map(({ status }) => status), sent.length]).toEqual([['rejected', 'rejected'], 1])
})

test('one that the server does not take hurts none that travels with it', async () => {
  const { together, sent, ends, turn } = setUp()
  const outcomes = Promise.allSettled(['a', 'b'].map((item) => together.run(item)))
  await turn()
  ends[0]?.(new MongoServerError({ message: 'too large', code: 10334 }))
  await turn()
  ends[1]?.(new MongoServerError({ message: 'too large', code: 10334 }))
  ends[2]?.()
  expect([await outcomes, sent]).toMatchObject([
    [{ status: 'rejected' }, { value: 'B' }],
    [['a', 'b'], ['a'], ['b']],
  ])
})

test('four commands are under way at most, and another one begins eight milliseconds after the one before', async () => {
  jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate'] })
  try {
    const { together, sent, ends, turn } = setUp()
    void together.run('a')
    await turn()
    for (const [n, item] of ['b', 'c', 'd'].entries()) {
      void together.run(item)
      await jest.advanceTimersByTimeAsync(7)
      expect(sent).toHaveLength(n + 1)
      await jest.advanceTimersByTimeAsync(1)
      expect(sent).toHaveLength(n + 2)
    }
    void together.run('e')
    await jest.advanceTimersByTimeAsync(100)
    expect(sent).toEqual([['a'], ['b'], ['c'], ['d']])
    ends[2]?.()
    await turn()
    expect(sent.at(-1)).toEqual(['e'])
  } finally {
    jest.useRealTimers()
  }
})
