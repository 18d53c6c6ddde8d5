import fc from 'fast-check'
import { behind, end, idOf, orderedText, separator, typeBounds, valueText } from './ordered-text.js'

/** Any text, with the characters that servers order differently among them. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\u0000',
        '\u0001',
        '\u0002',
        '\u0003',
        'a',
        'b',
        '\ud7fe',
        '\ud7ff',
        '\ue000',
        '\uff41',
        '\uffff',
        '\u{1f600}',
        '\u{10ffff}',
        '\ud800',
        '\udfff',
      ),
      fc.string({ unit: 'binary', maxLength: 2 }),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''))
const codePoints = (a: string, b: string): number => {
  const [x, y] = [[...a], [...b]]
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const difference = (x[i]?.codePointAt(0) as number) - (y[i]?.codePointAt(0) as number)
    if (difference !== 0) return Math.sign(difference)
  }
  return Math.sign(x.length - y.length)
}
const utf16 = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const utf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

test('ordered text has the order of code points, whether a server compares UTF-16 or UTF-8', () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      const [x, y] = [orderedText(a), orderedText(b)]
      expect([utf16(x, y), utf8(x, y)]).toEqual([codePoints(a, b), codePoints(a, b)])
      // Also in front of another value.
      expect(utf16(x + separator, y + separator)).toBe(codePoints(a, b))
    }),
  )
})

test('ordered text survives BSON: no NUL and no half of a pair', () => {
  fc.assert(
    fc.property(text, (a) => {
      const stored = orderedText(a)
      expect(stored.isWellFormed()).toBe(true)
      expect(stored).not.toContain('\u0000')
      expect(stored).not.toContain(separator)
      expect(utf16(stored, end)).toBe(-1)
      expect(utf16(stored + separator, stored + behind)).toBe(-1)
    }),
  )
})

test('values are ordered: absent, numbers by size, then text', () => {
  const number = fc.double({ noNaN: true })
  fc.assert(fc.property(number, number, (a, b) => expect(utf16(valueText(a), valueText(b))).toBe(a < b ? -1 : a > b ? 1 : 0)))
  fc.assert(
    fc.property(number, text, (a, b) => {
      expect(utf16(valueText(undefined), valueText(a))).toBe(-1)
      expect(utf16(valueText(a), valueText(b))).toBe(-1)
      expect(valueText(a) >= typeBounds(a)[0] && valueText(a) < typeBounds(a)[1]).toBe(true)
      expect(valueText(b) >= typeBounds(b)[0] && valueText(b) < typeBounds(b)[1]).toBe(true)
    }),
  )
  expect([valueText(true), valueText(false), valueText(-0)]).toEqual([valueText(1), valueText(0), valueText(0)])
})

test('ids of different keys are different, readable when short, and never longer than a server takes', () => {
  fc.assert(fc.property(text, text, (a, b) => expect(idOf(a) === idOf(b)).toBe(a === b)))
  expect(idOf('ten_a/usr_1')).toBe('ten_a/usr_1')
  const long = ['x'.repeat(5_000), `${'x'.repeat(4_999)}y`, '\u{1f600}'.repeat(2_000), '\ud800'.repeat(600), '\ud801'.repeat(600)]
  expect(new Set(long.map(idOf)).size).toBe(long.length)
  for (const key of long) expect(Buffer.byteLength(idOf(key))).toBeLessThanOrEqual(1_024)
})
