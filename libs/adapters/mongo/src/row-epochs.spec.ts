import { beginningOf, beginningText, judge, leftBy } from './row-epochs.js'

const root = '["a view","identity",3,"full"]'
const now = { q: { e: 4, n: 'own', k: 7 }, z: [{ e: 3, n: 'old', k: 2, at: 0 }] }

describe('whether a row is there, by what its checkpoint says', () => {
  test.each<[string, Parameters<typeof judge>[0], ReturnType<typeof judge>]>([
    ['the last change', { root, e: 4, n: 'own', k: 7 }, 'there'],
    ['an earlier one', { root, e: 4, n: 'own', k: 1 }, 'there'],
    ['the next one', { root, e: 4, n: 'own', k: 8 }, 'open'],
    ['one of a rival in the same epoch', { root, e: 4, n: 'rival', k: 1 }, 'never'],
    ['one of an epoch that has not begun', { root, e: 5, n: 'next', k: 1 }, 'open'],
    ['one before the end of a former epoch', { root, e: 3, n: 'old', k: 2 }, 'there'],
    ['one behind it', { root, e: 3, n: 'old', k: 3 }, 'never'],
    ['one of a rival in a former epoch', { root, e: 3, n: 'rival', k: 1 }, 'never'],
    ['one of an epoch whose end is forgotten', { root, e: 2, n: 'older', k: 9 }, 'there'],
  ])('%s', (_, beginning, verdict) => {
    expect(judge(beginning, now)).toBe(verdict)
    expect(judge(beginning, {})).toBe('open')
    expect(beginningOf(beginningText(beginning))).toEqual(beginning)
  })

  test('the ranges of what an epoch left undecided have all of that and nothing else', () => {
    const left = (beginning: Parameters<typeof judge>[0]) => {
      const text = beginningText(beginning)
      return leftBy(root, { e: 35, n: 'm', k: 35 }).some(({ $gt, $lt }) => text > $gt && text < $lt)
    }
    for (const k of [36, 37, 36 ** 5]) expect(left({ root, e: 35, n: 'm', k })).toBe(true)
    for (const n of ['-', '0', 'l', 'n', 'z', '_']) for (const k of [1, 35, 99]) expect(left({ root, e: 35, n, k })).toBe(true)
    for (const k of [1, 9, 34, 35]) expect(left({ root, e: 35, n: 'm', k })).toBe(false)
    for (const e of [1, 34, 36, 350, 1_260]) for (const n of ['a', 'm', 'z']) expect(left({ root, e, n, k: 40 })).toBe(false)
    for (const other of ['["a view","identity",3,"full"', `${root}0`, '["a view","identity",30,"full"]', '["a"]', '["z"]'])
      for (const k of [1, 40]) expect(left({ root: other, e: 35, n: 'n', k })).toBe(false)
  })
})
