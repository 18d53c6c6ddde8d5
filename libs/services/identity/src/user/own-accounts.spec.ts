/** Change of password and e-mail address, over HTTP. */
import { password, PeopleUnderTest } from '../spec/people-under-test.js'
import { Sessions } from '../session/sessions.js'
import { Users } from './users.js'

let people: PeopleUnderTest
beforeAll(async () => {
  people = await PeopleUnderTest.start()
})
afterAll(() => people.close())

const meta = { actor: { type: 'system', id: 'spec' } } as const
const newPassword = 'another good passphrase 7'

const signsIn = async (tenant: string, email: string, secret: string) => 'user' in (await people.get(Users).attempt(tenant, { email, password: secret, meta }))

test('a changed password signs in, the old one does not, the other sessions are over, and the owner is told', async () => {
  const tenant = await people.tenant('password')
  const id = await people.person(tenant, 'ada@example.org', { locale: 'ar' })
  const sessions = people.get(Sessions)
  const [here, elsewhere] = await Promise.all([1, 2].map(() => sessions.start({ tenant, user: id, method: 'password', meta }, 3600)))
  const as = people.as(tenant, id, here)
  const change = (body: object) => people.service.call('POST', '/api/v1/identity/me/password', { as, body })
  expect(await change({ currentPassword: 'wrong', newPassword })).toMatchObject({ status: 403, body: { code: 'identity.password.wrong' } })
  expect(await change({ currentPassword: password, newPassword: 'short' })).toMatchObject({ status: 400, body: { code: 'identity.password.too-short' } })
  expect((await change({ currentPassword: password, newPassword })).status).toBe(204)
  expect([await signsIn(tenant, 'ada@example.org', password), await signsIn(tenant, 'ada@example.org', newPassword)]).toEqual([false, true])
  expect((await sessions.list(tenant, id)).map((row) => row.id)).toEqual([here])
  expect(await people.events(tenant, 'session.ended')).toMatchObject([{ stream: { id: elsewhere }, data: { reason: 'password-changed' } }])
  expect(await people.mailsTo('ada@example.org')).toMatchObject([{ template: 'password-changed', subject: expect.stringContaining('كلمة مرورك') }])
})

describe('another e-mail address', () => {
  const ask = (tenant: string, id: string, email: string, secret = password) =>
    people.service.call('POST', '/api/v1/identity/me/email', { as: people.as(tenant, id), body: { email, password: secret } })
  const confirm = (tenant: string, id: string, challenge: string, code: string) =>
    people.service.call('POST', '/api/v1/identity/me/email/confirm', { as: people.as(tenant, id), body: { challenge, code } })

  test('is taken once its owner has the code; the old one is free, and is told', async () => {
    const tenant = await people.tenant('moves')
    const id = await people.person(tenant, 'old@example.org')
    expect((await ask(tenant, id, 'new@example.org', 'wrong')).body.code).toBe('identity.password.wrong')
    const { challenge } = (await ask(tenant, id, 'New@Example.org')).body
    const code = await people.codeTo('new@example.org')
    expect(await signsIn(tenant, 'new@example.org', password)).toBe(false)
    expect((await confirm(tenant, id, challenge, code === '000000' ? '000001' : '000000')).body.code).toBe('identity.challenge.wrong')
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => confirm(tenant, id, challenge, code)))
    expect(outcomes.filter(({ status }) => status === 204)).toHaveLength(1)
    expect(new Set(outcomes.filter(({ status }) => status !== 204).map(({ body }) => body.code))).not.toContain(undefined)
    expect(outcomes.every(({ status }) => status < 500)).toBe(true)
    expect((await people.service.call('GET', '/api/v1/identity/me', { as: people.as(tenant, id) })).body).toMatchObject({
      email: 'new@example.org',
      emailVerified: true,
    })
    expect([await signsIn(tenant, 'new@example.org', password), await signsIn(tenant, 'old@example.org', password)]).toEqual([true, false])
    expect(await people.mailsTo('old@example.org')).toMatchObject([{ template: 'email-changed' }])
    expect(await people.events(tenant, 'user.email-changed')).toHaveLength(1)
    expect(await people.person(tenant, 'old@example.org')).not.toBe(id)
  })

  test("that is somebody's is refused once the code is right, and not before: asking says nothing", async () => {
    const tenant = await people.tenant('taken')
    const [id, other] = [await people.person(tenant, 'one@example.org'), await people.person(tenant, 'two@example.org')]
    const asked = await ask(tenant, id, 'two@example.org')
    const free = await ask(tenant, id, 'three@example.org')
    expect([asked.status, Object.keys(asked.body)]).toEqual([free.status, Object.keys(free.body)])
    const code = await people.codeTo('two@example.org')
    expect((await confirm(tenant, other, asked.body.challenge, code)).body.code).toBe('identity.challenge.expired')
    expect((await confirm(tenant, id, asked.body.challenge, code)).body.code).toBe('identity.user.email-taken')
    expect(await signsIn(tenant, 'one@example.org', password)).toBe(true)
  })

  test('of two people who want the same at once, one gets it', async () => {
    const tenant = await people.tenant('race')
    const ids = [await people.person(tenant, 'a@example.org'), await people.person(tenant, 'b@example.org')]
    const challenges = await Promise.all(ids.map(async (id) => (await ask(tenant, id, 'wanted@example.org')).body.challenge as string))
    const codes = (await people.mailsTo('wanted@example.org', 2)).map(({ code }) => code as string)
    const outcomes = await Promise.all(ids.flatMap((id, n) => codes.map((code) => confirm(tenant, id, challenges[n] as string, code))))
    expect(outcomes.filter(({ status }) => status === 204)).toHaveLength(1)
    expect(outcomes.every(({ status }) => status < 500)).toBe(true)
  })

  test('that is the present one is verified by it', async () => {
    const tenant = await people.tenant('verify')
    const id = await people.person(tenant, 'self@example.org', { emailVerified: false })
    const { challenge } = (await ask(tenant, id, 'self@example.org')).body
    const code = await people.codeTo('self@example.org')
    expect((await confirm(tenant, id, challenge, code)).status).toBe(204)
    expect((await people.events(tenant)).map(({ type }) => type).filter((type) => type.startsWith('user.'))).toEqual(['user.registered', 'user.email-verified'])
  })
})

test('whoever found a token cannot guess the password with it', async () => {
  const tenant = await people.tenant('guess', { lockout: { accountFailures: 3 } })
  const id = await people.person(tenant, 'ada@example.org')
  const change = (currentPassword: string) =>
    people.service.call('POST', '/api/v1/identity/me/password', { as: people.as(tenant, id), body: { currentPassword, newPassword } })
  for (let n = 0; n < 3; n++) expect((await change(`guess ${n}`)).body.code).toBe('identity.password.wrong')
  expect(await change(password)).toMatchObject({ status: 429, body: { code: 'identity.password.locked' } })
})
