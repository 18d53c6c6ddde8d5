import { contrast, readableOnWhite, textOn } from './contrast.js'

test.each([
  ['#000000', '#ffffff', 21],
  ['#ffffff', '#ffffff', 1],
  ['#777777', '#ffffff', 4.48],
  ['#0000ff', '#ffffff', 8.59],
])('%s and %s contrast by %d', (one, other, expected) => {
  expect(contrast(one, other)).toBeCloseTo(expected, 2)
  expect(contrast(other, one)).toBeCloseTo(expected, 2)
})

test('whatever the colour of a tenant, its buttons and links can be read', () => {
  for (let color = 0; color < 0x1000000; color += 4099) {
    const hex = `#${color.toString(16).padStart(6, '0')}`
    expect(contrast(hex, textOn(hex))).toBeGreaterThan(4)
    expect(contrast('#ffffff', readableOnWhite(hex))).toBeGreaterThanOrEqual(4.5)
  }
  expect([textOn('#0f5bd7'), textOn('#ffee00')]).toEqual(['#ffffff', '#16202e'])
})
