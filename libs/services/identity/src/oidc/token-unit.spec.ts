import { insert, patch, put } from '@pavan/platform/views/changes.js'
import type { RowChange, Rows } from '@pavan/platform/views/rows.js'
import { artifacts } from './oidc-tables.js'
import { sessionRows } from '../session/sessions.table.js'
import { TokenUnit } from './token-unit.js'

const row = { tenant: 'ten_1', id: 'ses_1', phase: 'alive', expiresAt: 1 } as const
const writtenBy = async (unit: TokenUnit) => {
  const apply = jest.fn(async (changes: readonly RowChange<any>[]) => ({ applied: true as const, counts: changes.map(() => 1) }))
  expect(await unit.commit({ apply } as unknown as Rows)).toBeUndefined()
  return apply.mock.calls[0]?.[0] as unknown as { op: string; key: string; row?: object; set?: object }[]
}

test('a row that begins with the request comes first, with what the request sets in it', async () => {
  const unit = new TokenUnit()
  unit.add(put(artifacts, 'ten_1/Grant/g', { tenant: 'ten_1', model: 'Grant', payload: {}, expiresAt: 1 }))
  unit.add(patch(sessionRows, 'ten_1/ses_1', { cookie: 'one' }, { phase: 'alive' }), { guard: 'Session' })
  unit.add(patch(sessionRows, 'ten_1/ses_1', { cookie: 'two', seenAt: 7 }, { phase: 'alive' }), { guard: 'Session' })
  unit.begin(insert(sessionRows, 'ten_1/ses_1', row))
  expect(await writtenBy(unit)).toMatchObject([
    { op: 'insert', key: 'ten_1/ses_1', row: { ...row, cookie: 'two', seenAt: 7 } },
    { op: 'put', key: 'ten_1/Grant/g' },
  ])
})

test('what is set in another row, or under a condition that the new one does not fulfil, is left to the store', async () => {
  const unit = new TokenUnit()
  unit.add(patch(sessionRows, 'ten_1/ses_2', { cookie: 'one' }, { phase: 'alive' }))
  unit.add(patch(sessionRows, 'ten_1/ses_1', { cookie: 'one' }, { phase: 'ended' }))
  unit.begin(insert(sessionRows, 'ten_1/ses_1', row))
  expect((await writtenBy(unit)).map(({ op, key }) => `${op} ${key}`)).toEqual(['insert ten_1/ses_1', 'patch ten_1/ses_2', 'patch ten_1/ses_1'])
})
