import { ShortWait } from './short-wait.js'

let wait: ShortWait
beforeEach(() => (wait = new ShortWait()))

test('what is here is found without a wait', async () => {
  expect(await wait.find(() => 'here')).toBe('here')
})

test('what comes is found when it has come, whatever else comes before it', async () => {
  let here: string | undefined
  let looks = 0
  const found = wait.find(async () => {
    looks++
    return here
  })
  wait.came()
  await new Promise(setImmediate)
  here = 'late'
  wait.came()
  expect(await found).toBe('late')
  expect(looks).toBe(3)
})

test('what comes while one looks is not missed', async () => {
  const stored = new Map<string, string>()
  const found = wait.find(async () => {
    const read = stored.get('client')
    // It is written after it was read, and before the look is over.
    stored.set('client', 'late')
    wait.came()
    return read
  })
  expect(await found).toBe('late')
})

test('what does not come is waited for no longer than a second', async () => {
  const began = performance.now()
  expect(await wait.find(() => undefined)).toBeUndefined()
  expect(performance.now() - began).toBeGreaterThan(900)
})

test('a look that fails is an error, and nobody waits any more', async () => {
  await expect(wait.find(() => Promise.reject(new Error('the rows are away')))).rejects.toThrow('the rows are away')
  const looks: string[] = []
  const failing = wait.find(() => {
    looks.push('look')
    if (looks.length > 1) throw new Error('the rows are away')
    return undefined
  })
  await new Promise(setImmediate)
  wait.came()
  await expect(failing).rejects.toThrow('the rows are away')
  wait.came()
  expect(looks).toHaveLength(2)
})

test('a hundred wait at once, and others are answered at once', async () => {
  const order: string[] = []
  const many = Array.from({ length: 100 }, () => wait.find(() => undefined).then(() => order.push('waited')))
  await new Promise(setImmediate)
  await wait.find(() => undefined).then(() => order.push('not'))
  await Promise.all(many)
  expect(order[0]).toBe('not')
  expect(order).toHaveLength(101)
})

test('after five waits in vain others are answered at once, for a minute', async () => {
  await Promise.all(Array.from({ length: 5 }, () => wait.find(() => undefined)))
  let looks = 0
  const look = () => {
    looks++
    return undefined
  }
  await wait.find(look)
  expect(looks).toBe(1)
  const later = performance.now() + 60_000
  const now = jest.spyOn(performance, 'now').mockReturnValue(later)
  try {
    const waiting = wait.find(look)
    await new Promise(setImmediate)
    wait.came()
    await waiting
    expect(looks).toBeGreaterThan(2)
  } finally {
    now.mockRestore()
  }
})
