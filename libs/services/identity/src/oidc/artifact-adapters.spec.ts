import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import type { Rows } from '@pavan/platform/views/rows.js'
import { WaitingAdapter } from './artifact-adapters.js'
import { until } from '@pavan/platform/testing/until.js'
import { fingerprint, waiting } from './oidc-tables.js'
import { TokenUnit } from './token-unit.js'
import { WaitingInteractions } from './waiting-interactions.js'

const clock = new SystemClock()
const adapters = sqliteAdapters({ folder: ':memory:', clock, claimKey: new Uint8Array(32).fill(1) })
afterAll(() => adapters.close())

const payload = (uid: string, more = {}) => ({ uid, jti: uid, params: { scope: 'openid' }, exp: Math.floor(clock.now() / 1000) + 60, ...more })

/** One that remembers and one, as after a restart, that does not. `pass` lets time go by, in milliseconds. */
const both = async () => {
  const rows = (await adapters.portsFor('identity')).rows as Rows
  await rows.open([waiting])
  let later = 0
  const moving = { now: () => clock.now() + later }
  const parts = { tenant: 'ten_1', rows, clock: moving }
  const interactions = new WaitingInteractions(rows, moving)
  return {
    rows,
    interactions,
    pass: (milliseconds: number) => (later += milliseconds),
    remembering: new WaitingAdapter({ ...parts, interactions }, 'Interaction'),
    other: new WaitingAdapter(parts, 'Interaction'),
    pushed: new WaitingAdapter({ ...parts, interactions }, 'PushedAuthorizationRequest'),
  }
}

const signedIn = { result: { login: {} } }
const destroyed = async (adapter: WaitingAdapter, id: string, rows: Rows) => {
  const unit = new TokenUnit()
  await unit.collect(() => adapter.destroy(id))
  return unit.commit(rows)
}

test('whoever is through at once leaves no row, and is through once', async () => {
  const { rows, interactions, remembering, other, pass } = await both()
  await remembering.upsert('one', payload('one'), 60)
  await remembering.upsert('one', payload('one', signedIn), 60)
  expect(await remembering.find('one')).toMatchObject({ uid: 'one', ...signedIn })
  expect(await destroyed(remembering, 'one', rows)).toBeUndefined()
  await expect(destroyed(remembering, 'one', rows)).rejects.toMatchObject({ error: 'invalid_request' })
  pass(30_000)
  await interactions.write()
  expect([await remembering.find('one'), await other.find('one')]).toEqual([undefined, undefined])
})

test('what has waited for a while is stored as it is, and its row is removed once', async () => {
  const { rows, interactions, remembering, other, pass } = await both()
  await remembering.upsert('two', payload('two'), 60)
  await interactions.write()
  expect(await other.find('two')).toBeUndefined()
  pass(30_000)
  await interactions.write()
  expect(await other.find('two')).toEqual(await remembering.find('two'))
  await remembering.upsert('two', payload('two', signedIn), 60)
  expect(await remembering.find('two')).toMatchObject(signedIn)
  await interactions.write()
  expect(await other.find('two')).toMatchObject(signedIn)
  expect(await destroyed(remembering, 'two', rows)).toBeUndefined()
  await expect(destroyed(remembering, 'two', rows)).rejects.toMatchObject({ error: 'invalid_request' })
  expect([await remembering.find('two'), await other.find('two')]).toEqual([undefined, undefined])
})

test('a process that ends in order leaves everything to the next one', async () => {
  const { rows, interactions, remembering, other } = await both()
  await remembering.upsert('three', payload('three'), 60)
  await interactions.onModuleDestroy()
  const next = await both()
  expect(await next.remembering.find('three')).toEqual(await other.find('three'))
  await next.remembering.upsert('three', payload('three', signedIn), 60)
  expect(await next.remembering.find('three')).toMatchObject(signedIn)
  expect(await destroyed(next.remembering, 'three', rows)).toBeUndefined()
  expect(await other.find('three')).toBeUndefined()
})

test('too many make room for each other, and none is lost', async () => {
  const { interactions, remembering, other } = await both()
  for (let n = 0; n < 2_100; n++) await remembering.upsert(`many-${n}`, payload(`many-${n}`), 60)
  await until(() => !interactions.has(`ten_1/Interaction/${fingerprint('many-0')}`), 'room')
  expect(await other.find('many-0')).toMatchObject({ uid: 'many-0' })
  expect(await other.find('many-2099')).toBeUndefined()
  expect(await remembering.find('many-0')).toMatchObject({ uid: 'many-0' })
  expect(await remembering.find('many-2099')).toMatchObject({ uid: 'many-2099' })
})

test('of two that remove a stored one, one commits', async () => {
  const { rows, remembering, other, pass, interactions } = await both()
  await remembering.upsert('row', payload('row'), 60)
  pass(30_000)
  await interactions.write()
  const units = [new TokenUnit(), new TokenUnit()] as const
  await units[0].collect(() => remembering.destroy('row'))
  // As a copy that has not heard of it.
  await units[1].collect(() => other.destroy('row'))
  expect([await units[0].commit(rows), await units[1].commit(rows)]).toEqual([undefined, 'Interaction'])
})

test('a commit that is lost, or fails, leaves the request waiting', async () => {
  const { rows, remembering, other } = await both()
  await remembering.upsert('four', payload('four'), 60)
  const withOneThatIsGone = async (unit: TokenUnit) => {
    await unit.collect(() => remembering.destroy('four'))
    expect(await remembering.find('four')).toBeUndefined()
    await unit.collect(() => other.destroy('nobody'))
    return unit.commit(rows)
  }
  expect(await withOneThatIsGone(new TokenUnit())).toBe('Interaction')
  expect(await remembering.find('four')).toMatchObject({ uid: 'four' })
  jest.spyOn(rows, 'apply').mockRejectedValueOnce(new Error('the disk is full'))
  await expect(withOneThatIsGone(new TokenUnit())).rejects.toThrow('the disk is full')
  expect(await remembering.find('four')).toMatchObject({ uid: 'four' })
})

test('a change of what was read is not a change of what is remembered', async () => {
  const { remembering } = await both()
  await remembering.upsert('five', payload('five'), 60)
  const read = (await remembering.find('five')) as { params: { scope: string } }
  read.params.scope = 'openid admin'
  expect(await remembering.find('five')).toMatchObject({ params: { scope: 'openid' } })
})

test('an expired one is nobody’s, and a pushed request, which is used once, is always looked up', async () => {
  const { remembering, pushed, rows } = await both()
  await remembering.upsert('six', payload('six', { exp: Math.floor(clock.now() / 1000) - 1 }), 0)
  expect(await remembering.find('six')).toBeUndefined()
  await pushed.upsert('seven', payload('seven'), 60)
  const get = jest.spyOn(rows, 'get')
  await pushed.find('seven')
  expect(get).toHaveBeenCalledTimes(1)
})
