import { endOf, periods, startOf } from './calendar.js'

const at = (text: string) => Date.parse(text)

describe('the calendar', () => {
  it.each([
    ['hour', '2026-11-24T04:59:59.999Z', '2026-11-24T04:00:00Z', '2026-11-24T05:00:00Z'],
    ['day', '2026-11-24T23:59:59.999Z', '2026-11-24T00:00:00Z', '2026-11-25T00:00:00Z'],
    ['week', '2026-11-29T23:59:59.999Z', '2026-11-23T00:00:00Z', '2026-11-30T00:00:00Z'],
    ['week', '2026-11-23T00:00:00Z', '2026-11-23T00:00:00Z', '2026-11-30T00:00:00Z'],
    ['week', '2027-01-02T12:00:00Z', '2026-12-28T00:00:00Z', '2027-01-04T00:00:00Z'],
    ['month', '2028-02-29T12:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
    ['month', '2026-12-31T23:59:59Z', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ] as const)('puts the %s of %s at %s', (interval, instant, start, end) => {
    expect(startOf(interval, at(instant))).toBe(at(start))
    expect(endOf(interval, at(instant))).toBe(at(end))
  })

  it('lists periods without gap or overlap', () => {
    expect(periods('month', at('2026-11-15T00:00:00Z'), at('2027-01-15T00:00:00Z'))).toEqual([at('2026-11-01'), at('2026-12-01'), at('2027-01-01')])
    expect(periods('day', at('2026-11-24'), at('2026-11-24'))).toEqual([])
    expect(periods('hour', at('2026-11-24'), at('2026-11-25'))).toHaveLength(24)
  })
})
