/** People who come from another system, over real HTTP. */
import { setTimeout as pause } from 'node:timers/promises'
import { roleAssigned } from '@pavan/contracts'
import { RefusalError } from '@pavan/kernel'
import { until } from '@pavan/platform/testing/until.js'
import { password, PeopleUnderTest } from '../spec/people-under-test.js'
import { Passwords } from './passwords.js'
import { Users } from './users.js'

let people: PeopleUnderTest
beforeAll(async () => {
  people = await PeopleUnderTest.start()
})
afterAll(() => people.close())

const meta = { actor: { type: 'anonymous', id: 'anonymous' } } as const

/** A tenant and how its administrator imports. */
const tenantOf = async (slug: string) => {
  const tenant = await people.tenant(slug)
  const admin = people.id('user')
  await people.service.tell(
    'authorization',
    { tenant, category: 'assignment', id: admin },
    roleAssigned.of({ data: { assignee: admin, role: 'administrator' } }),
  )
  const send = (users: readonly object[]) =>
    people.service.call<{ items: { id?: string; code?: string }[] }>('POST', '/api/v1/identity/imports', { as: people.as(tenant, admin), body: { users } })
  await until(async () => (await send([{ email: 'first@example.org' }])).status === 200, 'the role of the administrator')
  return { tenant, send }
}

test('everybody comes with a past, dated when it happened', async () => {
  const { tenant, send } = await tenantOf('past')
  const day = 86_400_000
  const began = Date.now() - 90 * day
  const users = Array.from({ length: 30 }, (_, n) => ({
    email: `person-${n}@example.org`,
    createdAt: began + n,
    signIns: [{ at: began + day }, { at: began + 2 * day, outcome: 'wrong-password' }, { at: Date.now() + day }],
  }))
  const { status, body, position } = await send(users)
  expect([status, body.items.length, position]).toEqual([200, 30, expect.stringMatching(/./)])
  const events = await people.service.core.store.readAll({ p: 0, seq: 0 }, 1000)
  for (const [n, { id }] of body.items.entries()) {
    expect((await people.get(Users).find(tenant, id as string))?.email).toBe(`person-${n}@example.org`)
    const own = events.filter((event) => event.subject === id)
    const sessions = [
      ...Map.groupBy(
        own.filter(({ stream }) => stream.category === 'session'),
        ({ stream }) => stream.id,
      ).values(),
    ]
    expect(sessions.map((session) => session.map(({ type }) => type))).toEqual([
      ['session.started', 'sign-in.succeeded', 'session.ended'],
      ['session.started', 'sign-in.succeeded', 'session.ended'],
    ])
    expect(own.filter(({ type }) => type === 'user.registered').map(({ at }) => at)).toEqual([began + n])
    expect(own.filter(({ type }) => type === 'sign-in.failed').map(({ at }) => at)).toEqual([began + 2 * day])
    const times = sessions.map(([first]) => first?.at ?? 0).sort((one, other) => one - other)
    expect(times[0]).toBe(began + day)
    expect(times[1]).toBeLessThanOrEqual(Date.now())
  }
})

test('of one address twice the first is imported, and whoever cannot be keeps nobody else out', async () => {
  const { tenant, send } = await tenantOf('twice')
  const { body } = await send([
    { email: 'ada@example.org', name: 'First', password },
    { email: 'ADA@example.org', name: 'Second' },
    { email: 'weak@example.org', password: 'aaaaaaaa' },
    { email: 'bea@example.org', password, emailVerified: true },
  ])
  const [first, second, weak, last] = body.items
  expect([second, weak]).toEqual([{ code: 'identity.user.email-taken' }, { code: 'identity.password.too-weak' }])
  expect((await people.get(Users).find(tenant, first?.id as string))?.name).toBe('First')
  expect(await people.get(Users).attempt(tenant, { email: 'bea@example.org', password, meta })).toEqual({ user: last?.id })
  expect(await people.get(Users).byEmail(tenant, 'weak@example.org')).toBeUndefined()
})

test('where too many passwords wait to be hashed the whole import is refused for now, and nobody is left out of it', async () => {
  const { tenant, send } = await tenantOf('busy')
  const hash = jest.spyOn(people.get(Passwords), 'hash').mockRejectedValue(new RefusalError('service.overloaded', { retryAfter: 2 }))
  const { status, headers } = await send([{ email: 'dora@example.org', password }])
  hash.mockRestore()
  expect([status, headers.get('retry-after')]).toEqual([503, '2'])
  expect((await send([{ email: 'dora@example.org', password }])).body.items).toEqual([{ id: expect.stringMatching(/^usr_/) }])
  expect((await people.get(Users).byEmail(tenant, 'dora@example.org'))?.email).toBe('dora@example.org')
})

test('a hash of another system signs in', async () => {
  const { tenant, send } = await tenantOf('hash')
  const passwordHash = await people.get(Passwords).hash(password)
  const { body } = await send([{ email: 'cleo@example.org', passwordHash, emailVerified: true }])
  expect(await people.get(Users).attempt(tenant, { email: 'cleo@example.org', password, meta })).toEqual({ user: body.items[0]?.id })
})

test('when the store fails nobody else is begun, and nothing is written after the answer', async () => {
  const { tenant, send } = await tenantOf('broken')
  const users = people.get(Users)
  const register = users.handle.bind(users)
  let begun = 0
  let ended = 0
  const handle = jest.spyOn(users, 'handle').mockImplementation(async (...call) => {
    if (++begun === 5) throw new Error('the disk is full')
    // Still under way when the fifth fails.
    await pause(50)
    const handled = await register(...call)
    ended++
    return handled
  })
  const { status } = await send(Array.from({ length: 90 }, (_, n) => ({ email: `person-${n}@example.org` })))
  const atAnswer = { begun, ended }
  handle.mockRestore()
  expect([status, atAnswer.ended]).toEqual([500, atAnswer.begun - 1])
  expect(atAnswer.begun).toBeLessThan(60)
  expect((await people.events(tenant, 'user.registered')).length).toBe(atAnswer.ended + 1)
})
