import { demoPeople } from './people.js'

const now = Date.UTC(2026, 5, 1, 12)

test('the same call gives the same two hundred people, each with an address of their own', () => {
  const people = demoPeople(200, now, ['a', 'b'])
  expect(people).toEqual(demoPeople(200, now, ['a', 'b']))
  expect(new Set(people.map((one) => one.email)).size).toBe(200)
})

test('everything lies in the ninety days before now, and nobody signs in before they exist', () => {
  for (const person of demoPeople(200, now, ['a'])) {
    expect(person.createdAt).toBeGreaterThan(now - 91 * 86_400_000)
    expect(person.createdAt).toBeLessThan(now)
    for (const { at, outcome } of person.signIns) {
      expect(at).toBeLessThan(now)
      if (outcome === 'succeeded') expect(at).toBeGreaterThanOrEqual(person.createdAt)
    }
  }
})
