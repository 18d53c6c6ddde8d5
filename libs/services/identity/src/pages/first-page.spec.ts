/** The first page of an authorization request, and the way back from it: one request each. */
import { password, PeopleUnderTest } from '../spec/people-under-test.js'

let people: PeopleUnderTest
beforeAll(async () => {
  people = await PeopleUnderTest.start()
})
afterAll(() => people.close())

const asked = async (slug: string, client: string, more: Record<string, string> = {}) => {
  const query = new URLSearchParams({
    client_id: client,
    response_type: 'code',
    redirect_uri: 'http://rp.test/callback',
    scope: 'openid',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    ...more,
  })
  return fetch(`${people.service.baseUrl}/t/${slug}/auth?${query}`, { redirect: 'manual' })
}

test('the authorization endpoint answers with the sign-in page, which is nobody else’s and is not kept', async () => {
  const client = await people.client(await people.tenant('first'))
  const answer = await asked('first', client, { login_hint: 'ada@example.org', ui_locales: 'ar' })
  const page = await answer.text()
  expect([answer.status, answer.headers.get('location'), answer.headers.get('cache-control')]).toEqual([200, null, 'no-store'])
  expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'; form-action 'self' http://rp.test")
  expect(page).toContain('dir="rtl"')
  expect(page).toContain('value="ada@example.org"')
  const [, action] = /<form method="post" action="(\/t\/first\/interaction\/[\w-]+)"/.exec(page) ?? []
  expect(answer.headers.getSetCookie().some((line) => line.startsWith('pavan_first_interaction=') && line.includes(`path=${action};`))).toBe(true)
})

test.each([
  ['a sign-up', { prompt: 'create' }],
  ['what shows no page', { prompt: 'none' }],
  ['what is refused', { response_type: 'none' }],
])('%s is no first page', async (_, more) => {
  const slug = `other-${Object.values(more)[0]}`
  const client = await people.client(await people.tenant(slug))
  const answer = await asked(slug, client, more)
  expect(answer.status).toBeGreaterThanOrEqual(303)
  expect(await answer.text()).not.toContain('name="password"')
})

test('the form leads straight back to the application, and its page is used up', async () => {
  const tenant = await people.tenant('straight')
  const client = await people.client(tenant)
  await people.person(tenant, 'ada@example.org')
  const { browser, page } = await people.waiting('straight', client)
  browser.pauseAt = /\/auth\//
  const visit = await people.submit(browser, page, { action: 'sign-in', email: 'ada@example.org', password })
  expect(visit.url.href).toMatch(/^http:\/\/rp\.test\/callback\?code=/)
  expect((await people.events(tenant, 'session.started')).length).toBe(1)
  expect((await people.submit(browser, page, { action: 'sign-in', email: 'ada@example.org', password })).status).toBe(404)
})

test('without the cookie that was set with the page its form is worth nothing', async () => {
  const tenant = await people.tenant('robbed')
  const client = await people.client(tenant)
  await people.person(tenant, 'ada@example.org')
  const { browser, page } = await people.waiting('robbed', client)
  const kept = browser.cookies
  const form = { action: 'sign-in', email: 'ada@example.org', password }
  browser.cookies = kept.filter(({ name }) => !name.includes('_interaction'))
  expect((await people.submit(browser, page, form)).status).toBe(404)
  // The name of the other cookie in the browser's own words gives nothing either.
  browser.cookies = [
    ...kept.filter(({ name }) => !name.includes('_interaction')),
    { name: 'pavan_robbed_interaction', value: page.split('/').at(-1) as string, path: '/' },
  ]
  expect((await people.submit(browser, page, form)).status).toBe(404)
  expect(await people.events(tenant, 'session.started')).toEqual([])
  browser.cookies = kept
  expect((await people.submit(browser, page, form)).url.searchParams.has('code')).toBe(true)
})
