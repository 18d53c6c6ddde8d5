import { Lookups } from './lookups.js'
import type { RowDoc } from './row-shape.js'

const doc = (_id: string): RowDoc => ({ _id, r: '{}', v: `v-${_id}` }) as RowDoc

test('what is asked for in one turn is one command for each collection, and later what comes later', async () => {
  const asked: (readonly string[])[] = []
  const lookups = new Lookups<RowDoc>(async (collection, ids) => {
    asked.push([collection, ...ids])
    return ids.filter((id) => id !== 'gone').map(doc)
  })
  const found = await Promise.all([lookups.one('a', 'x'), lookups.one('a', 'y'), lookups.one('b', 'x'), lookups.one('a', 'x'), lookups.one('a', 'gone')])
  expect(found.map((one) => one?._id)).toEqual(['x', 'y', 'x', 'x', undefined])
  expect(asked).toEqual([
    ['a', 'x', 'y', 'gone'],
    ['b', 'x'],
  ])
  await lookups.one('a', 'x')
  expect(asked).toHaveLength(3)
})

test('whoever asks while a command is under way is not answered by it', async () => {
  const answers: ((docs: RowDoc[]) => void)[] = []
  const lookups = new Lookups<RowDoc>(() => new Promise((resolve) => answers.push(resolve)))
  const first = lookups.one('a', 'x')
  await new Promise((resolve) => setImmediate(resolve))
  const second = lookups.one('a', 'x')
  await new Promise((resolve) => setImmediate(resolve))
  expect(answers).toHaveLength(2)
  answers[1]?.([{ ...doc('x'), v: 'new' }])
  answers[0]?.([{ ...doc('x'), v: 'old' }])
  expect([(await first)?.v, (await second)?.v]).toEqual(['old', 'new'])
})

test('a failure is told to all who asked, and not to those after them', async () => {
  let broken = true
  const lookups = new Lookups<RowDoc>(async (_, ids) => {
    if (broken) throw new Error('away')
    return ids.map(doc)
  })
  const outcomes = await Promise.allSettled([lookups.one('a', 'x'), lookups.one('a', 'y')])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  broken = false
  expect((await lookups.one('a', 'x'))?._id).toBe('x')
})
