/** Sign-up, its codes, and the reset of a password through the pages of a waiting request. */
import { RefusalError } from '@pavan/kernel'
import { password, PeopleUnderTest } from '../spec/people-under-test.js'
import { ChallengeMails } from '../challenge/challenge-mails.js'
import { Challenges } from '../challenge/challenges.js'
import { Passwords } from '../user/passwords.js'
import { Users } from '../user/users.js'
import { Sessions } from '../session/sessions.js'
import type { Browser, Visit } from '../spec/browser.js'

let people: PeopleUnderTest
beforeAll(async () => {
  people = await PeopleUnderTest.start()
})
afterAll(() => people.close())
afterEach(() => jest.restoreAllMocks())

const meta = { actor: { type: 'system', id: 'spec' } } as const
const alert = ({ body }: Visit) => /role="alert">([^<]+)</.exec(body)?.[1]
const challengeOf = ({ body }: Visit) => /name="challenge" value="([^"]+)"/.exec(body)?.[1] as string
const openTenant = async (slug: string, settings: object = {}) => {
  const tenant = await people.tenant(slug, settings)
  return { tenant, client: await people.client(tenant) }
}

/** Until the page that asks for the code. */
const signUp = async (slug: string, client: string, email: string) => {
  const { browser, page } = await people.waiting(slug, client)
  const asked = await people.submit(browser, page, { action: 'sign-up', email, name: 'Ada', password })
  return { browser, page, challenge: challengeOf(asked), asked }
}
const confirm = ({ browser, page, challenge }: { browser: Browser; page: string; challenge: string }, code: string) =>
  people.submit(browser, page, { action: 'verify', challenge, code })
const other = (code: string) => (code === '000000' ? '000001' : '000000')

test('a code from the mail makes the account, once, and lets its owner in', async () => {
  const { tenant, client } = await openTenant('code')
  const form = await signUp('code', client, 'new@example.org')
  expect(await people.events(tenant, 'user.registered')).toEqual([])
  const code = await people.codeTo('new@example.org')
  expect(alert(await confirm(form, other(code)))).toBe('The code is wrong.')
  const done = await Promise.all(Array.from({ length: 20 }, () => confirm({ ...form, browser: form.browser.copy() }, code)))
  expect(done.every(({ status }) => status < 500)).toBe(true)
  expect(done.filter(({ url }) => url.searchParams.has('code'))).toHaveLength(1)
  expect(await people.events(tenant, 'user.registered')).toMatchObject([{ data: { method: 'password', client, emailVerified: true, locale: 'en' } }])
  expect(await people.events(tenant, 'session.started')).toHaveLength(1)
})

test('another code makes the first one wrong, three times at most', async () => {
  const { client } = await openTenant('resend')
  const form = await signUp('resend', client, 'again@example.org')
  const resend = () => people.submit(form.browser, form.page, { action: 'resend', challenge: form.challenge })
  const codes = [await people.codeTo('again@example.org')]
  for (let n = 2; n <= 4; n++) {
    expect((await resend()).body).toContain('role="status"')
    codes.push(await people.codeTo('again@example.org', n))
  }
  const beyond = await resend()
  expect(beyond.status).toBe(200)
  await people.get(ChallengeMails).sendAll()
  expect(await people.mailsTo('again@example.org', 4)).toHaveLength(4)
  if (codes[0] !== codes[3]) expect(alert(await confirm(form, codes[0] as string))).toBe('The code is wrong.')
  expect((await confirm(form, codes[3] as string)).url.searchParams.has('code')).toBe(true)
})

test('five wrong codes end the registration', async () => {
  const { tenant, client } = await openTenant('tries')
  const form = await signUp('tries', client, 'tries@example.org')
  const code = await people.codeTo('tries@example.org')
  await Promise.all(Array.from({ length: 20 }, () => confirm({ ...form, browser: form.browser.copy() }, other(code))))
  expect(alert(await confirm(form, code))).toBe('The code or link is no longer valid. Start again.')
  expect(await people.events(tenant, 'user.registered')).toEqual([])
})

test('whoever has an account is told by mail; the form says what it says to everybody', async () => {
  const { tenant, client } = await openTenant('known')
  await people.person(tenant, 'known@example.org')
  const [known, unknown] = [await signUp('known', client, 'Known@example.org'), await signUp('known', client, 'unknown@example.org')]
  const plain = ({ asked, page, challenge }: typeof known) =>
    asked.body
      .replaceAll(page.split('/').at(-1) as string, 'uid')
      .replaceAll(challenge, 'challenge')
      .replaceAll(/nonce="[^"]*"/g, '')
      .replaceAll(/[\w.+-]+@example\.org/gi, 'address')
  expect([known.asked.status, plain(known)]).toEqual([unknown.asked.status, plain(unknown)])
  expect(await people.mailsTo('known@example.org')).toMatchObject([{ template: 'already-registered', code: undefined }])
  const wrong = await Promise.all([confirm(known, '000000'), confirm(unknown, other(await people.codeTo('unknown@example.org')))])
  expect(wrong.map((visit) => [visit.status, alert(visit)])).toEqual([
    [400, 'The code is wrong.'],
    [400, 'The code is wrong.'],
  ])
})

test('nobody has looked whether an address is known when the answer leaves', async () => {
  const { tenant, client } = await openTenant('blind')
  await people.person(tenant, 'blind@example.org')
  const { browser, page } = await people.waiting('blind', client)
  const looks = jest.spyOn(people.get(Users), 'byEmail')
  // What is begun after the answer is left out, as if the process died then.
  const soon = jest.spyOn(people.get(ChallengeMails), 'sendSoon').mockImplementation(() => {})
  const job = jest.spyOn(people.get(ChallengeMails), 'sendAll').mockResolvedValue()
  await people.submit(browser, page, { action: 'forgot', email: 'blind@example.org' })
  await people.submit(browser, page, { action: 'sign-up', email: 'blind@example.org', name: 'Ada', password })
  expect([looks.mock.calls.length, soon.mock.calls.length]).toEqual([0, 2])
  // The job finds both.
  job.mockRestore()
  expect((await people.mailsTo('blind@example.org', 2)).map(({ template }) => template).toSorted()).toEqual(['already-registered', 'reset-password'])
  expect((await people.get(Challenges).asked()).filter((row) => row.tenant === tenant)).toEqual([])
})

test('a link sets a new password once, ends every session, verifies the address, and tells the owner', async () => {
  const { tenant, client } = await openTenant('reset')
  const id = await people.person(tenant, 'reset@example.org', { emailVerified: false })
  await people.get(Sessions).start({ tenant, user: id, method: 'password', meta }, 3600)
  const { browser, page } = await people.waiting('reset', client, { 'accept-language': 'ar' })
  await people.submit(browser, page, { action: 'forgot', email: 'reset@example.org' })
  const [mail] = await people.mailsTo('reset@example.org')
  const link = new URL(mail?.link as string)
  // The page speaks the language of the mail.
  expect((await browser.visit(link, { headers: { 'accept-language': 'en' } })).body).toContain('dir="rtl"')
  const set = (chosen: string) =>
    people.submit(browser, `${link.origin}${link.pathname}`, { action: 'reset', token: link.searchParams.get('token') as string, password: chosen })
  expect((await set('short')).status).toBe(400)
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => set(`a new long passphrase ${n} of mine`)))
  expect(outcomes.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(outcomes.every(({ status }) => status < 500)).toBe(true)
  expect((await set('yet another long passphrase')).status).toBe(410)
  expect((await people.events(tenant)).map(({ type }) => type).filter((type) => /^(user|password-reset)\./.test(type))).toEqual([
    'user.registered',
    'password-reset.requested',
    'user.password-changed',
    'user.email-verified',
  ])
  expect(await people.events(tenant, 'session.ended')).toMatchObject([{ data: { user: id, reason: 'password-changed' } }])
  expect((await people.mailsTo('reset@example.org', 2)).map(({ template }) => template)).toEqual(['reset-password', 'password-changed'])
})

test('no link goes to an address without an account, or to somebody who is blocked', async () => {
  const { tenant, client } = await openTenant('nolink')
  const id = await people.person(tenant, 'blocked@example.org')
  await people.get(Users).handle(tenant, id, { type: 'block' }, meta)
  const { browser, page } = await people.waiting('nolink', client)
  for (const email of ['blocked@example.org', 'nobody@example.org']) await people.submit(browser, page, { action: 'forgot', email })
  await people.get(ChallengeMails).sendAll()
  expect([...(await people.mailsTo('blocked@example.org', 0)), ...(await people.mailsTo('nobody@example.org', 0))]).toEqual([])
  expect(await people.events(tenant, 'password-reset.requested')).toEqual([])
})

test('a form that comes when too many passwords wait is shown again, with the status that says so', async () => {
  const { client } = await openTenant('busy')
  const { browser, page } = await people.waiting('busy', client)
  jest.spyOn(people.get(Passwords), 'hash').mockRejectedValueOnce(new RefusalError('service.overloaded', { retryAfter: 2 }))
  const answer = await people.submit(browser, page, { action: 'sign-up', email: 'busy@example.org', name: 'Ada', password })
  expect([answer.status, Number(answer.headers.get('retry-after')) > 0, alert(answer)]).toEqual([503, true, 'Too much is going on. Try again in a moment.'])
})

test('closed registration makes nobody', async () => {
  const { tenant, client } = await openTenant('closed', { registration: { open: false } })
  const { browser, page } = await people.waiting('closed', client)
  const answer = await people.submit(browser, page, { action: 'sign-up', email: 'x@example.org', name: 'X', password })
  expect(alert(answer)).toBe('Registration is closed.')
  expect(await people.events(tenant, 'user.registered')).toEqual([])
})

describe('an address that nobody has proved', () => {
  const begin = async (slug: string, email: string) => {
    const { tenant, client } = await openTenant(slug)
    const id = await people.person(tenant, email, { emailVerified: false })
    const { browser, page } = await people.waiting(slug, client)
    const asked = await people.submit(browser, page, { action: 'sign-in', email, password })
    return { tenant, id, form: { browser, page, challenge: challengeOf(asked) } }
  }

  test('is proved at the next sign-in by a code, of which one use counts', async () => {
    const { tenant, id, form } = await begin('unproved', 'unproved@example.org')
    expect(await people.events(tenant, 'session.started')).toEqual([])
    await people.submit(form.browser, form.page, { action: 'resend', challenge: form.challenge })
    const code = await people.codeTo('unproved@example.org', 2)
    expect(alert(await confirm(form, other(code)))).toBe('The code is wrong.')
    const done = await Promise.all(Array.from({ length: 20 }, () => confirm({ ...form, browser: form.browser.copy() }, code)))
    expect(done.every(({ status }) => status < 500)).toBe(true)
    expect(done.filter(({ url }) => url.searchParams.has('code'))).toHaveLength(1)
    expect(await people.events(tenant, 'user.email-verified')).toMatchObject([{ stream: { id } }])
    expect(await people.events(tenant, 'sign-in.failed')).toMatchObject([{ data: { user: id, reason: 'unverified' } }])
    const { browser, page } = await people.waiting('unproved', await people.client(tenant))
    const again = await people.submit(browser, page, { action: 'sign-in', email: 'unproved@example.org', password })
    expect(again.url.searchParams.has('code')).toBe(true)
  })

  test('is enough where the tenant says so', async () => {
    const { tenant, client } = await openTenant('lenient', { registration: { requireVerifiedEmail: false } })
    await people.person(tenant, 'lenient@example.org', { emailVerified: false })
    const { browser, page } = await people.waiting('lenient', client)
    const done = await people.submit(browser, page, { action: 'sign-in', email: 'lenient@example.org', password })
    expect(done.url.searchParams.has('code')).toBe(true)
  })
})
