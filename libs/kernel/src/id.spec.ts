import { idPrefixes, isId, makeId, type IdKind } from './id.js'

const random = (into: Uint8Array) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>)

test('an id says what it names and is accepted for that kind only', () => {
  for (const kind of Object.keys(idPrefixes) as IdKind[]) {
    const id = makeId(kind, Date.now(), random)
    expect(isId(kind, id)).toBe(true)
    expect(isId(kind === 'user' ? 'session' : 'user', id)).toBe(false)
  }
})

test('ids made later sort later', () => {
  const ids = [1_000, 2_000, 1_700_000_000_000, 1_700_000_000_001].map((now) => makeId('event', now, random))
  expect(ids.toSorted()).toEqual(ids)
})

test('ids of the same moment differ', () => {
  expect(new Set(Array.from({ length: 10_000 }, () => makeId('user', 5, random))).size).toBe(10_000)
})

test.each(['', 'usr_', 'usr_short', 'usr_' + 'u'.repeat(26), '__proto__'])('%j is no user id', (text) => {
  expect(isId('user', text)).toBe(false)
})
