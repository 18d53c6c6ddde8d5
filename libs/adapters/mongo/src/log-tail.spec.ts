import type { CommitDoc } from './commit-doc.js'
import { LogTail } from './log-tail.js'
import type { LogDoc } from './partition-log.js'

/** A batch of commits with one event each. */
const batch = (first: number, count = 1): LogDoc => {
  const c = Array.from({ length: count }, (_, i) => `c${first + i}`)
  return { _id: String(first), p: 0, f: first, l: first + count - 1, c, k: c.map(() => 1), a: 'a' }
}
const commitsOf = ({ c }: LogDoc, e = '[]') => c.map((_id) => ({ _id, s: '', b: 0, n: 1, f: -1, p: 0, e, a: 'a' }) satisfies CommitDoc)
const firsts = (tail: LogTail, after: number) => tail.after(after)?.map((one) => one.batch.f)

test('answers what follows a position, and says when it does not reach back so far', () => {
  const tail = new LogTail()
  expect(tail.after(0)).toBeUndefined()
  for (const one of [batch(5, 2), batch(7), batch(8, 3)]) tail.add(one, commitsOf(one))
  expect(firsts(tail, 3)).toBeUndefined()
  expect(firsts(tail, 4)).toEqual([5, 7, 8])
  expect(firsts(tail, 5)).toEqual([5, 7, 8])
  expect(firsts(tail, 6)).toEqual([7, 8])
  expect(firsts(tail, 10)).toEqual([])
})

test('knows the commits of this copy, and not those of which it has only seen the number', () => {
  const tail = new LogTail()
  const [own, foreign, adopted] = [batch(1, 2), batch(3), batch(4)]
  tail.add(own, commitsOf(own))
  tail.add(foreign)
  tail.add(adopted, [{ _id: 'c4', b: 0, n: 1, f: -1, p: 0 }])
  expect(tail.after(0)?.map(({ commits }) => commits.map((one) => one?._id))).toEqual([['c1', 'c2'], [undefined], [undefined]])
})

test('begins again behind a gap: what is between may be in the database only', () => {
  const tail = new LogTail()
  tail.add(batch(1), commitsOf(batch(1)))
  tail.add(batch(3), commitsOf(batch(3)))
  expect(firsts(tail, 0)).toBeUndefined()
  expect(firsts(tail, 2)).toEqual([3])
})

test('forgets the oldest, by number and by size', () => {
  const many = new LogTail()
  for (let seq = 1; seq <= 3_000; seq++) many.add(batch(seq), commitsOf(batch(seq)))
  expect(firsts(many, 1_900)).toBeUndefined()
  expect(firsts(many, 2_990)).toHaveLength(10)
  const large = new LogTail()
  for (let seq = 1; seq <= 100; seq++) large.add(batch(seq), commitsOf(batch(seq), 'x'.repeat(100_000)))
  expect(firsts(large, 90)).toBeUndefined()
  expect(firsts(large, 98)).toEqual([99, 100])
})
