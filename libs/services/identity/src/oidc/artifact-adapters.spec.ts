import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import type { Rows } from '@pavan/platform/views/rows.js'
import { WaitingAdapter, type KeptInteraction } from './artifact-adapters.js'
import { waiting } from './oidc-tables.js'
import { Recent } from './recent.js'
import { TokenUnit } from './token-unit.js'

const clock = new SystemClock()
const adapters = sqliteAdapters({ folder: ':memory:', clock, claimKey: new Uint8Array(32).fill(1) })
afterAll(() => adapters.close())

const payload = (uid: string, more = {}) => ({ uid, jti: uid, params: { scope: 'openid' }, exp: Math.floor(clock.now() / 1000) + 60, ...more })

/** One that remembers and one, as after a restart, that does not. */
const both = async () => {
  const rows = (await adapters.portsFor('identity')).rows as Rows
  await rows.open([waiting])
  const parts = { tenant: 'ten_1', rows, clock }
  const remembering = new WaitingAdapter({ ...parts, interactions: new Recent<KeptInteraction>(10) }, 'Interaction')
  return {
    rows,
    remembering,
    other: new WaitingAdapter(parts, 'Interaction'),
    pushed: new WaitingAdapter({ ...parts, interactions: new Recent(10) }, 'PushedAuthorizationRequest'),
  }
}

test('what is remembered of an interaction is what is stored', async () => {
  const { remembering, other } = await both()
  await remembering.upsert('one', payload('one'), 60)
  expect(await remembering.find('one')).toEqual(await other.find('one'))
  await remembering.upsert('one', payload('one', { result: { login: {} } }), 60)
  expect(await remembering.find('one')).toEqual(await other.find('one'))
  await remembering.destroy('one')
  expect([await remembering.find('one'), await other.find('one')]).toEqual([undefined, undefined])
})

test('a change of what was read is not a change of what is remembered', async () => {
  const { remembering } = await both()
  await remembering.upsert('two', payload('two'), 60)
  const read = (await remembering.find('two')) as { params: { scope: string } }
  read.params.scope = 'openid admin'
  expect(await remembering.find('two')).toMatchObject({ params: { scope: 'openid' } })
})

test('nothing is remembered that was not written, and nothing that a commit removed', async () => {
  const { rows, remembering } = await both()
  const lost = new TokenUnit()
  await lost.collect(async () => {
    await remembering.upsert('three', payload('three'), 60)
    await remembering.destroy('nobody')
  })
  expect(await lost.commit(rows)).toBe('Interaction')
  expect(await remembering.find('three')).toBeUndefined()
  const unit = new TokenUnit()
  await unit.collect(async () => {
    await remembering.upsert('three', payload('three'), 60)
    await remembering.destroy('three')
  })
  expect(await unit.commit(rows)).toBeUndefined()
  expect(await remembering.find('three')).toBeUndefined()
})

test('an expired one is nobody’s, and a pushed request, which is used once, is always looked up', async () => {
  const { remembering, pushed, rows } = await both()
  await remembering.upsert('four', payload('four', { exp: Math.floor(clock.now() / 1000) - 1 }), 0)
  expect(await remembering.find('four')).toBeUndefined()
  await pushed.upsert('five', payload('five'), 60)
  const get = jest.spyOn(rows, 'get')
  await pushed.find('five')
  expect(get).toHaveBeenCalledTimes(1)
})
