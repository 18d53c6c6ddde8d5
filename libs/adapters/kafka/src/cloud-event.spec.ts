import fc from 'fast-check'
import { cloudEvent } from '@pavan/contracts/events/cloud-event.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { decode, encode } from './cloud-event.js'
import { event } from './testing/events.js'

const back = (stored: StoredEvent) => decode(Buffer.from(encode(stored).value))

const id = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !text.includes('/'))
const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const defined = (value: object) => Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined))
const stored = fc
  .record({
    id,
    type: id,
    schema: fc.integer({ min: 1, max: 1000 }),
    context: id,
    stream: fc.record({ tenant: id, category: id, id: fc.string({ minLength: 1 }) }),
    version: fc.integer({ min: 1 }),
    position: fc.record({ p: fc.integer({ min: 0, max: 255 }), seq: fc.maxSafeNat() }),
    subject: some(id),
    at: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    // JSON knows no negative zero.
    data: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown),
    personal: some(fc.base64String()),
    origin: some(fc.base64String()),
    meta: fc
      .record({
        actor: fc.record({ type: fc.constantFrom('user', 'system'), id }),
        client: some(id),
        reason: some(fc.string()),
        commandId: some(id),
        requestId: some(id),
        traceparent: some(id),
      })
      .map(defined),
  })
  .map(defined) as unknown as fc.Arbitrary<StoredEvent>

test('every event comes back exactly as it was', () => {
  fc.assert(fc.property(stored, (one) => expect(back(one)).toEqual(one)))
})

test('names such as __proto__, NULs, half surrogates and fields of a later version come back', () => {
  const odd = event(1, {
    stream: { tenant: '__proto__', category: 'constructor', id: 'a/b\u0000c' },
    data: JSON.parse('{"__proto__": {"admin": true}, "nul": "\\u0000", "half": "\\ud800", "list": [null]}'),
    meta: { actor: { type: 'user', id: 'usr_1' }, reason: '', later: { a: 1 } } as never,
    ...({ invented: ['by', 'a', 'later', 'version'] } as object),
  })
  const returned = back(odd) as StoredEvent
  expect(returned).toEqual(odd)
  expect(Object.keys(returned.data as object)).toContain('__proto__')
  expect(({} as { admin?: boolean }).admin).toBeUndefined()
})

test('a record is a CloudEvent 1.0, with headers for those who do not look inside', () => {
  const { value, key, headers, partition } = encode(
    event(7, { subject: 'usr_1', personal: 'AAAA', meta: { actor: { type: 'user', id: 'usr_1' }, traceparent: '00-a-b-01' } }),
  )
  const record = JSON.parse(value) as Record<string, unknown>
  expect(cloudEvent.parse(record)).toEqual(record)
  for (const name of Object.keys(record)) expect(name).toMatch(/^[a-z0-9]{1,20}$/)
  expect({ key, partition, headers }).toEqual({
    key: 'ten_a/thing/thg_7',
    partition: 0,
    headers: {
      'content-type': 'application/cloudevents+json; charset=UTF-8',
      p: '0',
      seq: '7',
      stream: 'ten_a/thing/thg_7',
      version: '1',
      type: 'thing.happened',
      tenant: 'ten_a',
      traceparent: '00-a-b-01',
    },
  })
})

test('a secret never gets onto a topic, even if somebody hands it over', () => {
  expect(JSON.stringify(encode(event(1, { secret: 'c2VjcmV0' })))).not.toContain('c2VjcmV0')
})

test('an event of an unknown type and a newer schema is an event', () => {
  expect(back(event(1, { type: 'invented.tomorrow', schema: 99 }))).toMatchObject({ type: 'invented.tomorrow', schema: 99 })
})

describe('what is no event is told by its fault', () => {
  const record = JSON.parse(encode(event(1)).value) as Record<string, unknown>
  test.each([
    ['nothing', null, 'it is not JSON'],
    ['bytes', Buffer.from([0xff, 0, 1]), 'it is not JSON'],
    ['a list', '[]', 'it is not an object'],
    ['null', 'null', 'it is not an object'],
    ['another version', { ...record, specversion: '0.3' }, 'it is not a CloudEvent 1.0'],
    ['no id', { ...record, id: undefined }, 'its attribute id is missing or no text'],
    ['an object as tenant', { ...record, tenant: {} }, 'its attribute tenant is missing or no text'],
    ['another source', { ...record, source: '/elsewhere' }, 'its attributes are not those of Pavan'],
    ['no schema version', { ...record, dataschema: 'urn:other' }, 'its attributes are not those of Pavan'],
    ['a time that is none', { ...record, time: 'yesterday' }, 'its attributes are not those of Pavan'],
    ['a negative sequence', { ...record, sequence: '-1' }, 'its position is not a number'],
    ['a partition as text', { ...record, partition: '0' }, 'its position is not a number'],
    ['broken additions', { ...record, pavanextra: '{' }, 'its attribute pavanextra is not JSON'],
  ])('%s', (_, value, fault) => {
    const bytes = value === null || Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
    expect(decode(bytes)).toBe(fault)
  })
})
