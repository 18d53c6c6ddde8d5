/** The check at the sign-in. */
import { password, PeopleUnderTest } from '../spec/people-under-test.js'
import { Passwords } from './passwords.js'
import { Users } from './users.js'

let people: PeopleUnderTest
beforeAll(async () => {
  people = await PeopleUnderTest.start()
})
afterAll(() => people.close())

const meta = { actor: { type: 'anonymous', id: 'anonymous' } } as const

test('a known and an unknown address are answered after the same work: one hash, one event', async () => {
  const tenant = await people.tenant('same')
  const user = await people.person(tenant, 'known@example.org')
  const hashes = jest.spyOn(people.get(Passwords), 'check')
  for (const [email, reason] of [
    ['known@example.org', 'wrong-password'],
    ['unknown@example.org', 'unknown-account'],
  ] as const) {
    hashes.mockClear()
    expect(await people.get(Users).attempt(tenant, { email, password: 'wrong', meta })).toEqual({ refused: 'wrong' })
    expect(hashes).toHaveBeenCalledTimes(1)
    expect((await people.events(tenant, 'sign-in.failed')).map(({ data }) => data.reason)).toContain(reason)
  }
  expect(await people.events(tenant, 'sign-in.failed')).toHaveLength(2)
  expect(await people.get(Users).attempt(tenant, { email: 'known@example.org', password, meta })).toEqual({ user })
  hashes.mockRestore()
})

test('somebody who is blocked hears of it only with the right password', async () => {
  const tenant = await people.tenant('blocked')
  const user = await people.person(tenant, 'ada@example.org')
  await people.get(Users).handle(tenant, user, { type: 'block' }, meta)
  const attempt = (secret: string) => people.get(Users).attempt(tenant, { email: 'ada@example.org', password: secret, meta })
  expect([await attempt('wrong'), await attempt(password)]).toEqual([{ refused: 'wrong' }, { refused: 'blocked' }])
})

test.each([{ shared: false }, { shared: true }])('the status of a person and the rest come by no more looks than are needed: %j', async ({ shared }) => {
  const here = await PeopleUnderTest.start({ shared })
  try {
    const tenant = await here.tenant('seen')
    const user = await here.person(tenant, 'ada@example.org')
    const users = here.get(Users)
    const finds = jest.spyOn(users, 'find')
    const seen = await users.seen(tenant, user)
    expect([seen?.status, finds.mock.calls.length]).toEqual(['active', shared ? 1 : 0])
    expect([(await seen?.account())?.email, finds.mock.calls.length]).toEqual(['ada@example.org', 1])
    expect(await users.seen(tenant, 'usr_nobody')).toBeUndefined()
    await users.handle(tenant, user, { type: 'block' }, meta)
    expect((await users.seen(tenant, user))?.status).toBe('blocked')
  } finally {
    await here.close()
  }
})
