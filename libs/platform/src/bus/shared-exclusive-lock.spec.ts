import { SharedExclusiveLock } from './shared-exclusive-lock.js'

const setUp = () => {
  const lock = new SharedExclusiveLock()
  const begun: string[] = []
  const work = (kind: 'shared' | 'exclusive', name: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const result = lock[kind](() => {
      begun.push(name)
      return promise
    })
    return { result, end: () => resolve(name), fail: (error: Error) => reject(error) }
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return { lock, begun, work, turn }
}

test('shared work runs beside other shared work, and exclusive work alone, in the order in which it was asked for', async () => {
  const { begun, work, turn } = setUp()
  const [a, b, alone, c, other] = [work('shared', 'a'), work('shared', 'b'), work('exclusive', 'alone'), work('shared', 'c'), work('exclusive', 'other')]
  await turn()
  expect(begun).toEqual(['a', 'b'])
  a.end()
  await turn()
  expect(begun).toEqual(['a', 'b'])
  b.end()
  await turn()
  expect(begun).toEqual(['a', 'b', 'alone'])
  alone.end()
  await turn()
  expect(begun).toEqual(['a', 'b', 'alone', 'c'])
  c.end()
  await turn()
  expect(begun).toEqual(['a', 'b', 'alone', 'c', 'other'])
  other.end()
  expect(await Promise.all([a, b, alone, c, other].map(({ result }) => result))).toEqual(['a', 'b', 'alone', 'c', 'other'])
})

test('whoever asked hears of a failure, and nobody else', async () => {
  const { lock, begun, work } = setUp()
  const [a, alone, b] = [work('shared', 'a'), work('exclusive', 'alone'), work('shared', 'b')]
  a.fail(new Error('of a'))
  alone.fail(new Error('of alone'))
  await expect(a.result).rejects.toThrow('of a')
  await expect(alone.result).rejects.toThrow('of alone')
  b.end()
  expect([await b.result, begun]).toEqual(['b', ['a', 'alone', 'b']])
  await lock.idle()
})

test('idle waits for what has been asked for by then', async () => {
  const { lock, work, turn } = setUp()
  const [a, alone] = [work('shared', 'a'), work('exclusive', 'alone')]
  let idle = false
  const waiting = lock.idle().then(() => (idle = true))
  work('shared', 'later')
  a.end()
  await turn()
  expect(idle).toBe(false)
  alone.end()
  await waiting
})
