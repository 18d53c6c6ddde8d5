import { beginningOf, beginningText, judge, leftBy, RowEpochs } from './row-epochs.js'
import type { Entry } from './row-plan.js'
import { checkpoints, shapeOf, type RowDoc } from './row-shape.js'

const root = '["a view","identity",3,"full"]'
const c = ['t_items_v1']
const now = { q: { e: 4, k: 7, c }, z: [{ e: 3, k: 2, c, at: 0 }] }

describe('whether a row is there, by what its checkpoint says', () => {
  test.each<[string, Parameters<typeof judge>[0], ReturnType<typeof judge>]>([
    ['the last change', { root, e: 4, k: 7 }, 'there'],
    ['an earlier one', { root, e: 4, k: 1 }, 'there'],
    ['the next one', { root, e: 4, k: 8 }, 'open'],
    ['one of an epoch that is not known yet', { root, e: 5, k: 1 }, 'open'],
    ['one before the end of a former epoch', { root, e: 3, k: 2 }, 'there'],
    ['one behind it', { root, e: 3, k: 3 }, 'never'],
    ['one of an epoch whose end is forgotten', { root, e: 2, k: 9 }, 'there'],
  ])('%s', (_, beginning, verdict) => {
    expect(judge(beginning, now)).toBe(verdict)
    expect(judge(beginning, {})).toBe('open')
    expect(beginningOf(beginningText(beginning))).toEqual(beginning)
  })

  test('the range of what an epoch left undecided has all of that and nothing else', () => {
    const left = (beginning: Parameters<typeof judge>[0]) => {
      const { $gt, $lt } = leftBy(root, { e: 35, k: 35 })
      const text = beginningText(beginning)
      return text > $gt && text < $lt
    }
    for (const k of [36, 37, 36 ** 5]) expect(left({ root, e: 35, k })).toBe(true)
    for (const k of [1, 9, 34, 35]) expect(left({ root, e: 35, k })).toBe(false)
    for (const e of [1, 34, 36, 350, 1_260]) expect(left({ root, e, k: 40 })).toBe(false)
    for (const other of ['["a view","identity",3,"full"', `${root}0`, '["a view","identity",30,"full"]', '["a"]', '["z"]'])
      for (const k of [1, 40]) expect(left({ root: other, e: 35, k })).toBe(false)
  })
})

test('five ends that are older than a day are cleared away with one change, and the others later', async () => {
  const day = 86_400_000
  const cleared: unknown[] = []
  const rows = (collection: string) => ({ deleteMany: async ({ s }: { s: object }) => void cleared.push([collection, s]) })
  const epochs = new RowEpochs(rows as never, undefined as never, () => 3 * day)
  const old = Array.from({ length: 7 }, (_, e) => ({ e, k: 1, c, at: day }))
  const recent = { e: 7, k: 1, c, at: 2 * day }
  const doc = { _id: root, v: 'v', q: { e: 8, k: 4, c }, z: [...old, recent] } as RowDoc
  const entry = { shape: shapeOf(checkpoints), id: root, doc, json: '{"seq":1}' } as Entry
  const begun = await epochs.begin(entry, c)
  expect(cleared).toEqual(old.slice(0, 5).map((end) => ['t_items_v1', leftBy(root, end)]))
  expect(begun).toEqual({ progress: { q: { e: 9, k: 0, c }, z: [...old.slice(5), recent, { e: 8, k: 4, c, at: 3 * day }] } })
})
