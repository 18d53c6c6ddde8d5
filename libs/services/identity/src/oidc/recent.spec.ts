import type { ViewWatcher } from '@pavan/platform/views/views.js'
import { Recent } from './recent.js'

test('what is used stays, however much comes after it', () => {
  const cache = new Recent<number>(4)
  cache.set('used', 0)
  for (let i = 1; i <= 100; i++) {
    cache.set(`other-${i}`, i)
    expect(cache.get('used')).toBe(0)
  }
})

test('it never holds more than its limit', () => {
  const cache = new Recent<number>(10)
  for (let i = 0; i < 1000; i++) cache.set(`key-${i}`, i)
  expect(Array.from({ length: 1000 }, (_, i) => cache.get(`key-${i}`)).filter((value) => value !== undefined).length).toBeLessThanOrEqual(10)
})

test('what was deleted or replaced does not come back from the older generation', () => {
  const cache = new Recent<string>(2)
  cache.set('a', 'first')
  cache.set('b', 'pushes a into the older generation')
  cache.set('a', 'second')
  expect(cache.get('a')).toBe('second')
  cache.set('c', 'again')
  cache.delete('a')
  expect(cache.get('a')).toBeUndefined()
})

/** A read that ends when it is told to. */
const slowRead = (value: string) => {
  let end = () => {}
  const answer = new Promise<string>((resolve) => (end = () => resolve(value)))
  return { read: () => answer, end }
}

test('what was changed while it was read is not kept, and whoever asks after the change reads again', async () => {
  for (const change of [(cache: Recent<string>) => cache.delete('a'), (cache: Recent<string>) => cache.clear()]) {
    const cache = new Recent<string>(10)
    const slow = slowRead('before')
    const first = cache.through('a', slow.read)
    change(cache)
    expect(await cache.through('a', async () => 'after')).toBe('after')
    slow.end()
    expect(await first).toBe('before')
    expect(cache.get('a')).toBe('after')
  }
})

test('whoever asks while it is read shares the read; a failure and what is not there are not kept', async () => {
  const cache = new Recent<string>(10)
  const slow = slowRead('value')
  const both = [cache.through('a', slow.read), cache.through('a', () => Promise.reject(new Error('a second read')))]
  slow.end()
  expect(await Promise.all(both)).toEqual(['value', 'value'])
  await expect(cache.through('b', () => Promise.reject(new Error('away')))).rejects.toThrow('away')
  expect(await cache.through('b', async () => undefined)).toBeUndefined()
  expect(await cache.through('b', async () => 'there')).toBe('there')
})

test('a view says what is to be forgotten', () => {
  const cache = new Recent<number>(10)
  let watcher: ViewWatcher | undefined
  cache.keepFresh({ watch: (_, given) => ((watcher = given), () => {}) }, 'view', (key) => key.slice(0, 1))
  const fill = () => ['a', 'b'].forEach((key, i) => cache.set(key, i))
  const left = () => ['a', 'b'].filter((key) => cache.get(key) !== undefined)
  fill()
  watcher?.changed([{ op: 'remove', table: {} as never, key: 'a/1' }])
  expect(left()).toEqual(['b'])
  watcher?.changed([{ op: 'remove-all', table: {} as never, index: 'i', where: {} }])
  expect(left()).toEqual([])
  fill()
  watcher?.outdated()
  expect(left()).toEqual([])
})
