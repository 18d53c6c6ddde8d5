import { parseStreamName, streamName } from './event.js'

test('a stream name holds tenant, category and id, and gives them back', () => {
  const stream = { tenant: 'ten_a', category: 'user', id: 'usr_b/with/slashes' }
  expect(parseStreamName(streamName(stream))).toEqual(stream)
})

test('equal ids of two tenants are two streams', () => {
  const name = (tenant: string) => streamName({ tenant, category: 'user', id: 'x' })
  expect(name('ten_a')).not.toBe(name('ten_b'))
})
