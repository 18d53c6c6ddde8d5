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
