/** What every store of rows must do. */
import { ManualClock } from '@pavan/kernel'
import { defineTable, type Checkpoint, type FindQuery, type RowChange, type Rows, type TableDefinition } from '../views/rows.js'

export interface RowsUnderTest {
  readonly rows: Rows
  close(): Promise<void>
}

interface Item {
  tenant: string
  id: string
  rank?: number
  kind?: string
  open?: boolean
  count?: number
  expiresAt?: number
  tags?: unknown
}
const both = ['full', 'rebuildable'] as const

const tableOf = (durability: Checkpoint['durability'], name = 'items') =>
  defineTable<Item>({
    name,
    version: 1,
    durability,
    expires: 'expiresAt',
    indexes: { byTenant: ['tenant', 'rank'], byKind: ['tenant', 'kind', 'rank'], byOpen: ['tenant', 'open'], byId: ['id'] },
  })

/** `create` gets the clock that decides about expiry. */
export const rowsContract = (create: (clock: ManualClock) => Promise<RowsUnderTest>): void => {
  let under: RowsUnderTest
  let rows: Rows
  let clock: ManualClock
  beforeEach(async () => {
    clock = new ManualClock()
    under = await create(clock)
    rows = under.rows
  })
  afterEach(() => under.close())

  describe.each(both)('%s tables', (durability) => {
    const items = tableOf(durability)
    const put = (key: string, row: Partial<Item> = {}): RowChange<Item> => ({ op: 'put', table: items, key, row: { tenant: 't', id: key, ...row } })
    const insert = (key: string, row: Partial<Item> = {}): RowChange<Item> => ({ op: 'insert', table: items, key, row: { tenant: 't', id: key, ...row } })
    const apply = (...changes: RowChange<Item>[]) => rows.apply(changes)
    const ids = async (query: Omit<FindQuery<Item>, 'limit'> & { limit?: number }) =>
      (await rows.find(items, { limit: 1_000, ...query })).items.map(({ id }) => id)
    const applied = (...counts: number[]) => ({ applied: true, counts })
    const failedAt = (failed: number) => ({ applied: false, because: 'condition', failed })
    beforeEach(() => rows.open([items]))

    describe('changes', () => {
      test('put makes and replaces; get gives the row back whole', async () => {
        const row = { tenant: 't', id: 'a', rank: 1.5, open: false, tags: ['ü 😀 \u0000', { deep: [null, true] }] }
        expect(await rows.get(items, 'a')).toBeUndefined()
        expect(await apply({ op: 'put', table: items, key: 'a', row })).toEqual(applied(1))
        expect(await rows.get(items, 'a')).toEqual(row)
        expect(await apply(put('a', { rank: 2 }))).toEqual(applied(1))
        expect(await rows.get(items, 'a')).toEqual({ tenant: 't', id: 'a', rank: 2 })
      })

      test('insert refuses a key that exists', async () => {
        expect(await apply(insert('a', { rank: 1 }))).toEqual(applied(1))
        expect(await apply(insert('a', { rank: 2 }))).toEqual(failedAt(0))
        expect((await rows.get(items, 'a'))?.rank).toBe(1)
      })

      test('patch sets and removes fields; a missing row stays missing', async () => {
        await apply(put('a', { rank: 1, kind: 'x' }))
        expect(await apply({ op: 'patch', table: items, key: 'a', set: { rank: 2, kind: undefined, tags: { n: 1 } } })).toEqual(applied(1))
        expect(await rows.get(items, 'a')).toEqual({ tenant: 't', id: 'a', rank: 2, tags: { n: 1 } })
        expect(await ids({ index: 'byKind', where: { tenant: 't', kind: 'x' } })).toEqual([])
        expect(await apply({ op: 'patch', table: items, key: 'b', set: { rank: 2 } })).toEqual(applied(0))
        expect(await rows.get(items, 'b')).toBeUndefined()
      })

      test.each<[string, Partial<Item>, boolean]>([
        ['the value it has', { rank: 1 }, true],
        ['another value', { rank: 2 }, false],
        ['another type', { rank: '1' as never }, false],
        ['several values', { rank: 1, kind: 'x' }, true],
        ['one wrong of several', { rank: 1, kind: 'y' }, false],
        ['absence of an absent field', { count: undefined }, true],
        ['absence of a present field', { kind: undefined }, false],
        ['an equal list', { tags: ['a', { b: 1 }] }, true],
        ['another list', { tags: ['a', { b: 2 }] }, false],
      ])('a condition on %s', async (_, condition, holds) => {
        await apply(put('a', { rank: 1, kind: 'x', tags: ['a', { b: 1 }] }))
        expect(await apply({ op: 'patch', table: items, key: 'a', set: { count: 5 }, if: condition })).toEqual(holds ? applied(1) : failedAt(0))
        expect((await rows.get(items, 'a'))?.count).toBe(holds ? 5 : undefined)
        const condition2 = holds && 'count' in condition ? { rank: 1 } : condition
        expect(await apply({ op: 'remove', table: items, key: 'a', if: condition2 })).toEqual(holds ? applied(1) : failedAt(0))
      })

      test('a condition on a missing row fails', async () => {
        expect(await apply({ op: 'patch', table: items, key: 'a', set: { rank: 1 }, if: { rank: undefined } })).toEqual(failedAt(0))
        expect(await apply({ op: 'remove', table: items, key: 'a', if: {} })).toEqual(failedAt(0))
      })

      test('add counts from zero and from what is there', async () => {
        const add = (by: { count?: number; rank?: number }): RowChange<Item> => ({ op: 'add', table: items, key: 'a', by, row: { tenant: 't', id: 'a' } })
        expect(await apply(add({ count: 1 }), add({ count: 2, rank: -1 }))).toEqual(applied(1, 1))
        expect(await rows.get(items, 'a')).toEqual({ tenant: 't', id: 'a', count: 3, rank: -1 })
        expect(await ids({ index: 'byTenant', where: { tenant: 't', rank: -1 } })).toEqual(['a'])
        await Promise.all(Array.from({ length: 100 }, () => apply(add({ count: 1 }))))
        expect((await rows.get(items, 'a'))?.count).toBe(103)
      })

      test('remove takes a row away and says whether there was one', async () => {
        await apply(put('a'))
        expect(await apply({ op: 'remove', table: items, key: 'a' }, { op: 'remove', table: items, key: 'a' })).toEqual(applied(1, 0))
        expect(await rows.get(items, 'a')).toBeUndefined()
      })

      test('remove-all takes away what the first fields of an index name, and nothing else', async () => {
        await apply(put('a', { kind: 'x', rank: 1 }), put('b', { kind: 'x', rank: 2 }), put('c', { kind: 'y' }), put('d', { tenant: 'u', kind: 'x' }))
        expect(await apply({ op: 'remove-all', table: items, index: 'byKind', where: { tenant: 't', kind: 'x' } })).toEqual(applied(2))
        expect(await ids({ index: 'byId' })).toEqual(['c', 'd'])
        await expect(rows.apply([{ op: 'remove-all', table: items, index: 'byKind', where: { kind: 'y' } }])).rejects.toThrow(TypeError)
        await expect(rows.apply([{ op: 'remove-all', table: items, index: 'byKind', where: {} }])).rejects.toThrow(TypeError)
      })

      test('once makes its further changes the first time only', async () => {
        const once: RowChange<Item> = {
          op: 'once',
          table: items,
          key: 'seen',
          row: { tenant: 't', id: 'seen' },
          then: [{ op: 'add', table: items, key: 'sum', by: { count: 1 }, row: { tenant: 't', id: 'sum' } } as RowChange],
        }
        expect(await apply(once)).toEqual(applied(2))
        expect(await apply(once, put('z'))).toEqual(applied(0, 1))
        expect((await rows.get(items, 'sum'))?.count).toBe(1)
      })

      test('changes of one apply see each other in order', async () => {
        expect(
          await apply(
            insert('a', { rank: 1 }),
            { op: 'patch', table: items, key: 'a', set: { rank: 2 }, if: { rank: 1 } },
            { op: 'remove', table: items, key: 'a' },
            insert('a', { rank: 3 }),
          ),
        ).toEqual(applied(1, 1, 1, 1))
        expect((await rows.get(items, 'a'))?.rank).toBe(3)
      })

      test('all or nothing: a failing condition undoes what came before it', async () => {
        await apply(put('x', { rank: 1 }))
        const result = await apply(put('a'), { op: 'remove', table: items, key: 'x' }, insert('a'), put('b'))
        expect(result).toEqual(failedAt(2))
        expect(await ids({ index: 'byId' })).toEqual(['x'])
      })

      test('an apply that fails hurts none that travels with it', async () => {
        await apply(put('x'))
        const results = await Promise.all(Array.from({ length: 40 }, (_, i) => apply(put(`a${i}`), insert(i % 2 === 0 ? 'x' : `b${i}`))))
        expect(results.filter((result) => result.applied)).toHaveLength(20)
        expect(await ids({ index: 'byId' })).toHaveLength(41)
      })

      test('10,000 changes are one apply', async () => {
        expect(await rows.apply(Array.from({ length: 10_000 }, (_, i) => put(`k${i}`, { rank: i })))).toMatchObject({ applied: true })
        expect(await ids({ index: 'byTenant', where: { tenant: 't' }, range: { gte: 9_995 } })).toEqual(['k9995', 'k9996', 'k9997', 'k9998', 'k9999'])
      })

      test('no changes are applied, too', async () => {
        expect(await rows.apply([])).toEqual(applied())
      })

      test('a row that changes after it was handed in is stored as it was', async () => {
        const row = { tenant: 't', id: 'a', rank: 1 }
        const applying = apply({ op: 'put', table: items, key: 'a', row })
        row.rank = 2
        await applying
        expect((await rows.get(items, 'a'))?.rank).toBe(1)
      })

      test.each(['__proto__', 'constructor', 'toString', '', ' ', "'; DROP TABLE items; --", 'ä/😀', 'x'.repeat(2_000)])('the key %j is a key', async (key) => {
        expect(await rows.get(items, key)).toBeUndefined()
        expect(await apply(insert(key))).toEqual(applied(1))
        expect((await rows.get(items, key))?.id).toBe(key)
        expect(await apply(insert(key))).toEqual(failedAt(0))
      })

      test('a field named __proto__ is a field', async () => {
        const row = JSON.parse('{"tenant":"t","id":"a","__proto__":{"open":true}}') as Item
        await apply(
          { op: 'put', table: items, key: 'a', row },
          { op: 'patch', table: items, key: 'a', set: JSON.parse('{"__proto__":{"open":false}}') as Partial<Item> },
        )
        const read = await rows.get(items, 'a')
        expect(JSON.stringify(read)).toBe('{"tenant":"t","id":"a","__proto__":{"open":false}}')
        expect(read?.open).toBeUndefined()
      })

      test('tables of different durability do not change in one apply', async () => {
        const other = tableOf(durability === 'full' ? 'rebuildable' : 'full', 'others')
        await rows.open([other])
        await expect(rows.apply([put('a'), { op: 'put', table: other, key: 'a', row: { tenant: 't', id: 'a' } }])).rejects.toThrow(TypeError)
        expect(await rows.get(items, 'a')).toBeUndefined()
      })
    })

    describe('single use under races', () => {
      test('of 20 parallel conditional consumes exactly one wins', async () => {
        await apply(put('code'))
        const results = await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            apply({ op: 'patch', table: items, key: 'code', set: { count: i }, if: { count: undefined } }, put(`token-${i}`)),
          ),
        )
        expect(results.filter((result) => result.applied)).toHaveLength(1)
        expect((await ids({ index: 'byId' })).filter((id) => id.startsWith('token'))).toHaveLength(1)
      })

      test('of 20 parallel conditional removes exactly one wins', async () => {
        await apply(put('link', { open: true }))
        const results = await Promise.all(Array.from({ length: 20 }, () => apply({ op: 'remove', table: items, key: 'link', if: { open: true } })))
        expect(results.filter((result) => result.applied)).toHaveLength(1)
      })

      test('of 64 parallel inserts exactly one wins', async () => {
        const results = await Promise.all(Array.from({ length: 64 }, (_, i) => apply(insert('jti', { rank: i }))))
        expect(results.filter((result) => result.applied)).toHaveLength(1)
      })
    })

    describe('find', () => {
      test('equality on the first fields, range on the next, in order of the index', async () => {
        await apply(
          put('a', { kind: 'x', rank: 3 }),
          put('b', { kind: 'x', rank: 1 }),
          put('c', { kind: 'x', rank: 2 }),
          put('d', { kind: 'y', rank: 0 }),
          put('e', { tenant: 'u', kind: 'x', rank: 2 }),
        )
        expect(await ids({ index: 'byKind', where: { tenant: 't', kind: 'x' } })).toEqual(['b', 'c', 'a'])
        expect(await ids({ index: 'byKind', where: { tenant: 't', kind: 'x' }, order: 'desc' })).toEqual(['a', 'c', 'b'])
        expect(await ids({ index: 'byKind', where: { tenant: 't' } })).toEqual(['b', 'c', 'a', 'd'])
        expect(await ids({ index: 'byKind', where: { tenant: 't', kind: 'x', rank: 2 } })).toEqual(['c'])
        expect(await ids({ index: 'byKind', where: { tenant: 't', kind: 'x' }, range: { gt: 1, lte: 3 } })).toEqual(['c', 'a'])
        expect(await ids({ index: 'byKind', where: { tenant: 't', kind: 'x' }, range: { gte: 1, lt: 3 }, order: 'desc' })).toEqual(['c', 'b'])
        expect(await ids({ index: 'byKind', where: { tenant: 't' }, range: { gte: 'x', lt: 'y' } })).toEqual(['b', 'c', 'a'])
        expect(await ids({ index: 'byTenant' })).toEqual(['d', 'b', 'c', 'a', 'e'])
      })

      test('rows without a field come first, and no range meets them', async () => {
        await apply(put('a', { rank: -5 }), put('b'), put('c', { rank: 5 }))
        expect(await ids({ index: 'byTenant', where: { tenant: 't' } })).toEqual(['b', 'a', 'c'])
        expect(await ids({ index: 'byTenant', where: { tenant: 't' }, range: { lt: 100 } })).toEqual(['a', 'c'])
        expect(await ids({ index: 'byTenant', where: { tenant: 't' }, range: { gt: -100 } })).toEqual(['a', 'c'])
        expect(await ids({ index: 'byKind', where: { tenant: 't' }, range: { lt: 'z' } })).toEqual([])
      })

      test('booleans, numbers and texts are told apart', async () => {
        await apply(put('a', { open: true }), put('b', { open: false }), put('c', { kind: '1' }))
        expect(await ids({ index: 'byOpen', where: { tenant: 't', open: true } })).toEqual(['a'])
        expect(await ids({ index: 'byOpen', where: { tenant: 't', open: false } })).toEqual(['b'])
        expect(await ids({ index: 'byKind', where: { tenant: 't', kind: 1 as never } })).toEqual([])
      })

      test('text is compared by code points, exactly', async () => {
        await apply(...['b', 'a', 'B', 'ä', '10', '9', '\u{1F600}', '\uFF41'].map((id) => put(id)))
        expect(await ids({ index: 'byId' })).toEqual(['10', '9', 'B', 'a', 'b', 'ä', '\uFF41', '\u{1F600}'])
        expect(await ids({ index: 'byId', where: { id: 'A' } })).toEqual([])
      })

      test.each(['asc', 'desc'] as const)('1,000 rows with equal fields are paged without loss or repetition, %s', async (order) => {
        await rows.apply(Array.from({ length: 1_000 }, (_, i) => put(`k${i}`, { rank: i % 10 === 0 ? undefined : 1 })))
        const seen: string[] = []
        let cursor: string | undefined
        let pages = 0
        do {
          const page = await rows.find(items, { index: 'byTenant', where: { tenant: 't' }, limit: 70, order, cursor })
          seen.push(...page.items.map(({ id }) => id))
          cursor = page.next
          pages++
        } while (cursor)
        expect(seen).toHaveLength(1_000)
        expect(new Set(seen).size).toBe(1_000)
        expect(pages).toBe(15)
      })

      test('paging is not disturbed by rows that come and go', async () => {
        await apply(...[1, 2, 3, 4, 5, 6].map((rank) => put(`k${rank}`, { rank })))
        const first = await rows.find(items, { index: 'byTenant', where: { tenant: 't' }, limit: 3 })
        await apply({ op: 'remove', table: items, key: 'k3' }, put('k0', { rank: 0 }), put('k35', { rank: 3.5 }))
        expect(await ids({ index: 'byTenant', where: { tenant: 't' }, cursor: first.next as string })).toEqual(['k35', 'k4', 'k5', 'k6'])
      })

      test('a page that is exactly full is the last one', async () => {
        await apply(put('a'), put('b'))
        expect((await rows.find(items, { index: 'byTenant', where: { tenant: 't' }, limit: 2 })).next).toBeUndefined()
      })

      test.each(['', 'x', '%%%', 'W10', 'WzEsMiwzLDQsNV0', 'bnVsbA', 'W3t9LHt9XQ', 'x'.repeat(5_000)])(
        'the cursor %j is refused, not believed',
        async (cursor) => {
          await expect(rows.find(items, { index: 'byTenant', where: { tenant: 't' }, limit: 2, cursor })).rejects.toMatchObject({
            code: 'request.parameter.invalid',
          })
        },
      )

      test('a cursor of one tenant shows another nothing of it', async () => {
        await apply(put('a', { rank: 1 }), put('b', { rank: 2 }), put('c', { tenant: 'u', rank: 3 }))
        const { next } = await rows.find(items, { index: 'byTenant', where: { tenant: 't' }, limit: 1 })
        expect(await ids({ index: 'byTenant', where: { tenant: 'u' }, cursor: next as string })).toEqual(['c'])
      })

      test.each<[string, Partial<FindQuery<Item>>]>([
        ['an index that is not declared', { index: 'byMoon' }],
        ['an index named __proto__', { index: '__proto__' }],
        ['a field outside the index', { index: 'byTenant', where: { kind: 'x' } }],
        ['a gap in the prefix', { index: 'byKind', where: { tenant: 't', rank: 1 } }],
        ['a range without a field', { index: 'byId', where: { id: 'a' }, range: { gt: 1 } }],
      ])('%s is a bug of the caller', async (_, query) => {
        await expect(rows.find(items, { index: 'byTenant', limit: 1, ...query })).rejects.toThrow(TypeError)
      })

      test.each([0, -1, 1.5, 1_001])('a page of %d rows is a bug of the caller', async (limit) => {
        await expect(rows.find(items, { index: 'byTenant', limit })).rejects.toThrow(RangeError)
      })
    })

    describe('expiry', () => {
      const soon = () => clock.now() + 1_000

      test('a row ends for every reader and every condition at its time', async () => {
        await apply(put('a', { expiresAt: soon(), open: true }), put('b', { open: true }))
        clock.advance(999)
        expect(await rows.get(items, 'a')).toBeDefined()
        clock.advance(1)
        expect(await rows.get(items, 'a')).toBeUndefined()
        expect(await ids({ index: 'byTenant', where: { tenant: 't' } })).toEqual(['b'])
        expect(await apply({ op: 'patch', table: items, key: 'a', set: { rank: 1 }, if: { open: true } })).toEqual(failedAt(0))
        expect(await apply({ op: 'patch', table: items, key: 'a', set: { rank: 1 } })).toEqual(applied(0))
        expect(await apply({ op: 'remove', table: items, key: 'a', if: { open: true } })).toEqual(failedAt(0))
        expect(await rows.get(items, 'a')).toBeUndefined()
      })

      test('its key is free then', async () => {
        await apply(put('a', { expiresAt: soon(), count: 5 }), put('b', { expiresAt: soon(), count: 5 }), put('c', { expiresAt: soon() }))
        expect(await apply(insert('a'))).toEqual(failedAt(0))
        clock.advance(1_000)
        expect(await apply(insert('a', { rank: 7 }))).toEqual(applied(1))
        expect(await rows.get(items, 'a')).toEqual({ tenant: 't', id: 'a', rank: 7 })
        await apply({ op: 'add', table: items, key: 'b', by: { count: 1 }, row: { tenant: 't', id: 'b' } })
        expect((await rows.get(items, 'b'))?.count).toBe(1)
        expect(await apply({ op: 'once', table: items, key: 'c', row: { tenant: 't', id: 'c' }, then: [] })).toEqual(applied(1))
      })

      test('a page is full although rows that have expired lie between', async () => {
        await rows.apply(Array.from({ length: 60 }, (_, i) => put(`k${i}`, { rank: i, expiresAt: i % 20 === 19 ? undefined : soon() })))
        clock.advance(1_000)
        const page = (cursor?: string) => rows.find(items, { index: 'byTenant', where: { tenant: 't' }, limit: 2, cursor })
        const first = await page()
        expect(first.items.map(({ id }) => id)).toEqual(['k19', 'k39'])
        expect((await page(first.next)).items.map(({ id }) => id)).toEqual(['k59'])
        expect(await ids({ index: 'byTenant', where: { tenant: 't' }, order: 'desc', limit: 1 })).toEqual(['k59'])
      })

      test('a patch may lengthen and shorten a life', async () => {
        await apply(put('a', { expiresAt: soon() }), put('b', { expiresAt: soon() }), put('c'))
        await apply(
          { op: 'patch', table: items, key: 'a', set: { expiresAt: clock.now() + 5_000 } },
          { op: 'patch', table: items, key: 'b', set: { expiresAt: undefined } },
          { op: 'patch', table: items, key: 'c', set: { expiresAt: soon() } },
        )
        clock.advance(1_000)
        expect(await ids({ index: 'byId' })).toEqual(['a', 'b'])
      })
    })

    describe('checkpoints', () => {
      const upTo = (from: number, to: number, more: Partial<Checkpoint> = {}): Checkpoint => ({
        consumer: 'view',
        context: 'identity',
        p: 0,
        from,
        to,
        durability,
        ...more,
      })
      const stored = (consumer = 'view', context = 'identity', p = 0) => rows.checkpoint(consumer, context, p, durability)

      test('a consumer begins at 0; rows and checkpoint are stored as one', async () => {
        expect(await stored()).toBe(0)
        expect(await rows.apply([put('a')], upTo(0, 5))).toEqual(applied(1))
        expect(await stored()).toBe(5)
        expect(await rows.apply([], upTo(5, 9))).toEqual(applied())
        expect(await stored()).toBe(9)
      })

      test('what another checkpoint was believed for is dropped whole', async () => {
        await rows.apply([put('a', { count: 1 })], upTo(0, 5))
        expect(await rows.apply([put('a', { count: 2 })], upTo(0, 5))).toEqual({ applied: false, because: 'checkpoint', stored: 5 })
        expect(await rows.apply([put('a', { count: 2 })], upTo(7, 9))).toEqual({ applied: false, because: 'checkpoint', stored: 5 })
        expect((await rows.get(items, 'a'))?.count).toBe(1)
      })

      test('a failing condition moves no checkpoint', async () => {
        await rows.apply([put('a')])
        expect(await rows.apply([put('b'), insert('a')], upTo(0, 5))).toEqual(failedAt(1))
        expect(await stored()).toBe(0)
        expect(await rows.get(items, 'b')).toBeUndefined()
      })

      test('the checkpoints of several partitions are stored as one, or none of them', async () => {
        const both = (a: number, b: number, to: number) => [
          { ...upTo(a, to), p: 0 },
          { ...upTo(b, to), p: 1 },
        ]
        expect(await rows.apply([put('a', { count: 1 })], both(0, 0, 5))).toEqual(applied(1))
        expect([await stored(), await stored('view', 'identity', 1)]).toEqual([5, 5])
        expect(await rows.apply([put('a', { count: 2 })], both(5, 4, 9))).toEqual({ applied: false, because: 'checkpoint', stored: 5 })
        expect([await stored(), await stored('view', 'identity', 1), (await rows.get(items, 'a'))?.count]).toEqual([5, 5, 1])
        await expect(async () => rows.apply([put('a', { count: 3 })], [upTo(5, 7), upTo(7, 9)])).rejects.toThrow(TypeError)
        expect(await rows.apply([], both(5, 5, 9))).toEqual(applied())
        expect([await stored(), await stored('view', 'identity', 1)]).toEqual([9, 9])
      })

      test('of 20 parallel deliveries of one batch exactly one counts', async () => {
        const add: RowChange<Item> = { op: 'add', table: items, key: 'n', by: { count: 1 }, row: { tenant: 't', id: 'n' } }
        const results = await Promise.all(Array.from({ length: 20 }, () => rows.apply([add], upTo(0, 3))))
        expect(results.filter((result) => result.applied)).toHaveLength(1)
        expect((await rows.get(items, 'n'))?.count).toBe(1)
      })

      test('consumers, contexts and partitions have their own', async () => {
        await rows.apply([], upTo(0, 5))
        await rows.apply([], upTo(0, 6, { consumer: 'other' }))
        await rows.apply([], upTo(0, 7, { context: 'admin' }))
        await rows.apply([], upTo(0, 8, { p: 3 }))
        expect([await stored(), await stored('other'), await stored('view', 'admin'), await stored('view', 'identity', 3)]).toEqual([5, 6, 7, 8])
        expect(await rows.checkpoint('view', 'identity', 0, durability === 'full' ? 'rebuildable' : 'full')).toBe(0)
      })

      test('a checkpoint of another durability than its rows is refused', async () => {
        await expect(rows.apply([put('a')], upTo(0, 5, { durability: durability === 'full' ? 'rebuildable' : 'full' }))).rejects.toThrow(TypeError)
      })
    })

    describe('tables', () => {
      test('opening again keeps the rows', async () => {
        await apply(put('a'))
        await rows.open([items])
        expect(await ids({ index: 'byId' })).toEqual(['a'])
      })

      test('versions of a table are tables of their own; one can be dropped', async () => {
        const second: TableDefinition<Item> = { ...items, version: 2 }
        await rows.open([second])
        await rows.apply([put('a'), { op: 'put', table: second, key: 'a', row: { tenant: 't', id: 'second' } }])
        await rows.drop(items)
        expect((await rows.get(second, 'a'))?.id).toBe('second')
        await rows.open([items])
        expect(await rows.get(items, 'a')).toBeUndefined()
        await rows.drop(second)
        await rows.drop(second)
      })

      test('equal keys of two tables and equal ids of two tenants never meet', async () => {
        const others = tableOf(durability, 'others')
        await rows.open([others])
        await rows.apply([
          put('t/1', { rank: 1 }),
          put('u/1', { tenant: 'u', rank: 2 }),
          { op: 'put', table: others, key: 't/1', row: { tenant: 't', id: 'other' } },
        ])
        await apply({ op: 'remove-all', table: items, index: 'byTenant', where: { tenant: 't' } })
        expect(await rows.get(items, 't/1')).toBeUndefined()
        expect((await rows.get(items, 'u/1'))?.rank).toBe(2)
        expect((await rows.get(others, 't/1'))?.id).toBe('other')
      })
    })
  })
}
