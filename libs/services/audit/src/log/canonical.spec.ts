import canonical from 'canonicalize'
import fc from 'fast-check'
import { canonicalize } from './canonical.js'

test('is what the library for RFC 8785 makes of it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false } as never), (value) => {
      expect(canonicalize(value)).toBe(canonical(value))
    }),
    { numRuns: 2000 },
  )
})

test.each([
  [{ b: 1, a: [{ d: 1, c: 2 }] }, '{"a":[{"c":2,"d":1}],"b":1}'],
  [{ 9: 'x', 10: 'y', '-': 'z' }, '{"-":"z","10":"y","9":"x"}'],
  [{ é: 1, '\u{1f600}': 2, ﬁ: 3 }, '{"é":1,"\u{1f600}":2,"ﬁ":3}'],
  [{ a: 1e21, b: -0, c: 0.1, d: '\u0007"\\' }, '{"a":1e+21,"b":0,"c":0.1,"d":"\\u0007\\"\\\\"}'],
])('%j', (value, text) => {
  expect(canonicalize(value)).toBe(text)
  expect(canonical(value)).toBe(text)
})
