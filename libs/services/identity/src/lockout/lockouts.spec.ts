/** Lock-out per account and per address at the sign-in. */
import { password, PeopleUnderTest } from '../spec/people-under-test.js'
import { Passwords } from '../user/passwords.js'
import { Users } from '../user/users.js'

let people: PeopleUnderTest
beforeAll(async () => {
  people = await PeopleUnderTest.start()
})
afterAll(() => people.close())

const attempt = async (tenant: string, email: string, secret: string, address = '192.0.2.1') => {
  const meta = { actor: { type: 'anonymous', id: 'anonymous' }, origin: { address } } as const
  const tried = await people.get(Users).attempt(tenant, { email, password: secret, meta })
  return 'user' in tried ? 'in' : tried.refused
}
const imposed = async (tenant: string) => (await people.events(tenant, 'lockout.imposed')).map(({ data }) => data)
const rules = { lockout: { accountFailures: 3, addressFailures: 5, windowSeconds: 60, lockSeconds: 120 } }

test('too many wrong passwords: the right one is refused, too, from everywhere, until the time is over', async () => {
  const tenant = await people.tenant('account', rules)
  const id = await people.person(tenant, 'ada@example.org')
  for (let n = 0; n < 3; n++) expect(await attempt(tenant, 'ada@example.org', `guess ${n}`, `192.0.2.${n}`)).toBe('wrong')
  expect(await attempt(tenant, 'ada@example.org', password, '198.51.100.7')).toBe('locked')
  expect(await imposed(tenant)).toEqual([{ scope: 'account', user: id, until: expect.any(Number) }])
  expect(await people.after(100, () => attempt(tenant, 'ada@example.org', password))).toBe('locked')
  expect(await people.after(130, () => attempt(tenant, 'ada@example.org', password))).toBe('in')
})

test('too many failures from one address: nobody signs in from there, and everybody from elsewhere', async () => {
  const tenant = await people.tenant('address', rules)
  await people.person(tenant, 'ada@example.org')
  for (let n = 0; n < 5; n++) expect(await attempt(tenant, `spray${n}@example.org`, 'Password1!')).toBe('wrong')
  expect(await attempt(tenant, 'ada@example.org', password)).toBe('locked')
  expect(await attempt(tenant, 'ada@example.org', password, '198.51.100.7')).toBe('in')
  expect(await imposed(tenant)).toEqual([{ scope: 'address', until: expect.any(Number) }])
})

test('an address without an account is locked as one that has one, and another tenant is not concerned', async () => {
  const [tenant, other] = [await people.tenant('unknown', rules), await people.tenant('unknown-other', rules)]
  for (let n = 0; n < 3; n++) expect(await attempt(tenant, 'nobody@example.org', `guess ${n}`, `192.0.2.${n}`)).toBe('wrong')
  expect(await attempt(tenant, 'nobody@example.org', 'guess', '198.51.100.7')).toBe('locked')
  expect(await attempt(other, 'nobody@example.org', 'guess')).toBe('wrong')
})

test('a right password before the limit forgets the wrong ones, and so does time', async () => {
  const tenant = await people.tenant('forgiven', rules)
  await people.person(tenant, 'ada@example.org')
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 2; n++) expect(await attempt(tenant, 'ada@example.org', `guess ${n}`, `192.0.2.${round}`)).toBe('wrong')
    expect(await attempt(tenant, 'ada@example.org', password, '198.51.100.7')).toBe('in')
  }
  for (let n = 0; n < 2; n++) await attempt(tenant, 'ada@example.org', `guess ${n}`, '203.0.113.1')
  await people.after(61, async () => {
    expect(await attempt(tenant, 'ada@example.org', 'guess', '203.0.113.1')).toBe('wrong')
    expect(await attempt(tenant, 'ada@example.org', password, '203.0.113.1')).toBe('in')
  })
})

test('guessing in parallel gets no further than guessing one by one', async () => {
  const tenant = await people.tenant('parallel', rules)
  await people.person(tenant, 'ada@example.org')
  // The right guess is hashed last: by then the wrong ones have reached the limit, though all of them came in before it.
  const check = people.get(Passwords).check.bind(people.get(Passwords))
  const wrong: Promise<unknown>[] = []
  jest.spyOn(people.get(Passwords), 'check').mockImplementation(async (secret, known) => {
    if (secret === password) await Promise.all(wrong)
    return check(secret, known)
  })
  for (let n = 0; n < 12; n++) wrong.push(attempt(tenant, 'ada@example.org', `guess ${n}`, `192.0.2.${n}`))
  expect(await attempt(tenant, 'ada@example.org', password, '198.51.100.7')).toBe('locked')
  jest.restoreAllMocks()
  expect(await imposed(tenant)).toHaveLength(1)
})
