/** Promise 1 in a real browser: the pages lead a person to the application, in both directions of writing, without an accessibility mistake. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as oidc from 'openid-client'
import { chromium, type Browser } from 'playwright-core'
import { System } from '../support/system.js'
import { expectAccessible } from './accessible.js'
import { authorizationUrl, clientKnown, mailTo, makeTenant, type Tenant } from '../support/tenant.js'

let system: System
let tenant: Tenant
let browser: Browser
let application: Server
let callback: string

beforeAll(async () => {
  system = await System.start()
  tenant = await makeTenant(system, 'shop')
  application = createServer((_request, response) => response.end('<h1>Back at the application</h1>'))
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve))
  callback = `http://127.0.0.1:${(application.address() as AddressInfo).port}/callback`
  const settings = { name: 'Web shop', kind: 'spa', grantTypes: ['authorization_code', 'refresh_token'], redirectUris: [callback] }
  const { id } = (await tenant.api('POST', '/api/v1/admin/clients', { application: tenant.application, settings })).json
  await clientKnown(tenant.issuer, id)
  const config = await oidc.discovery(new URL(tenant.issuer), id, undefined, oidc.None(), { execute: [oidc.allowInsecureRequests] })
  tenant = { ...tenant, client: id, config }
  browser = await chromium.launch({ executablePath: process.env.PAVAN_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
}, 60_000)
afterAll(async () => {
  await browser?.close()
  application?.close()
  await system?.[Symbol.asyncDispose]()
})

test('a person registers, comes back to the application, and is known the next time', async () => {
  const context = await browser.newContext({ locale: 'en-GB', javaScriptEnabled: true })
  const page = await context.newPage()
  const { url, verifier } = await authorizationUrl(system, tenant, { redirect_uri: callback })
  await page.goto(url)
  expect(await page.title()).toBe('Sign in · shop')
  await expectAccessible(page)
  await page.getByRole('link', { name: 'Create account' }).click()
  await expectAccessible(page)
  await page.getByLabel('Name').fill('Ada Person')
  await page.getByLabel('E-mail').fill('ada@example.org')
  await page.getByLabel('Password').fill('correct horse battery staple 9')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByLabel('Code').fill((await mailTo(system, 'ada@example.org', 'verify-email', tenant)).code)
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Confirm' }).click()
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.waitForURL(`${callback}**`)
  const tokens = await oidc.authorizationCodeGrant(tenant.config, new URL(page.url()), { pkceCodeVerifier: verifier })
  expect(tokens.claims()?.sub).toMatch(/^usr_/)
  const again = await authorizationUrl(system, tenant, { redirect_uri: callback })
  await page.goto(again.url)
  expect(page.url().startsWith(callback)).toBe(true)
  await context.close()
}, 60_000)

test('a person registers in Arabic, from right to left, without JavaScript; the application may wish for the language', async () => {
  for (const [email, locale, more] of [
    ['browser-language@example.org', 'ar', {}],
    ['wished-language@example.org', 'en-GB', { ui_locales: 'fr ar' }],
  ] as const) {
    const context = await browser.newContext({ locale, javaScriptEnabled: false })
    const page = await context.newPage()
    const { url, verifier } = await authorizationUrl(system, tenant, { redirect_uri: callback, ...more })
    const submit = () => page.locator('button').first().click()
    await page.goto(url)
    expect(await page.locator('html').getAttribute('dir')).toBe('rtl')
    await page.locator('#email').fill('nobody@example.org')
    await page.locator('#password').fill('wrong')
    await submit()
    expect(await page.getByRole('alert').textContent()).toBe('العنوان أو كلمة المرور غير صحيحة.')
    await page.getByRole('link', { name: 'إنشاء حساب' }).click()
    await page.locator('#name').fill('ليلى')
    await page.locator('#email').fill(email)
    await page.locator('#password').fill('correct horse battery staple 9')
    await submit()
    const { code, subject } = await mailTo(system, email, 'verify-email', tenant)
    expect(subject).toContain('رمزك')
    await page.locator('#code').fill(code)
    await submit()
    expect(await page.locator('h1').textContent()).toContain('Web shop')
    await submit()
    await page.waitForURL(`${callback}**`)
    const tokens = await oidc.authorizationCodeGrant(tenant.config, new URL(page.url()), { pkceCodeVerifier: verifier })
    expect(await oidc.fetchUserInfo(tenant.config, tokens.access_token, tokens.claims()?.sub as string)).toMatchObject({ name: 'ليلى', locale: 'ar' })
    await context.close()
  }
}, 60_000)

test('people change their password and address on the page of their account', async () => {
  const [old, next] = ['old-address@example.org', 'next-address@example.org']
  await tenant.api('POST', '/api/v1/identity/users', { email: old, password: 'correct horse battery staple 9', emailVerified: true })
  const context = await browser.newContext({ locale: 'en-GB' })
  const page = await context.newPage()
  const signIn = async (email: string, password: string) => {
    await page.getByLabel('E-mail').fill(email)
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }
  await page.goto(`${tenant.issuer}/account`)
  await signIn(old, 'correct horse battery staple 9')
  await page.getByText('Change your password').click()
  await expectAccessible(page)
  await page.getByLabel('Present password').first().fill('wrong')
  await page.getByLabel('New password').fill('another good passphrase 7')
  await page.getByRole('button', { name: 'Save' }).click()
  expect(await page.getByRole('alert').textContent()).toBe('The password is wrong.')
  await page.getByLabel('Present password').first().fill('correct horse battery staple 9')
  await page.getByLabel('New password').fill('another good passphrase 7')
  await page.getByRole('button', { name: 'Save' }).click()
  expect(await page.getByRole('status').textContent()).toContain('Your password is changed.')
  await page.getByText('Change your e-mail address').click()
  await page.getByLabel('New e-mail address').fill(next)
  await page.locator('details[open]').getByLabel('Present password').fill('another good passphrase 7')
  await page.getByRole('button', { name: 'Send a code' }).click()
  await expectAccessible(page)
  await page.getByLabel('Code').fill((await mailTo(system, next, 'change-email', tenant)).code)
  await page.getByRole('button', { name: 'Confirm' }).click()
  expect(await page.getByRole('status').textContent()).toBe('Your e-mail address is changed.')
  expect((await mailTo(system, old, 'email-changed', tenant)).subject).toBe('Your address at shop was changed')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await signIn(next, 'another good passphrase 7')
  expect(await page.getByText('Signed in as').textContent()).toContain(next)
  await context.close()
}, 60_000)

test.each([
  ['en-GB', 'light'],
  ['ar', 'dark'],
] as const)(
  'every page is accessible: %s, %s',
  async (locale, colorScheme) => {
    const context = await browser.newContext({ locale, colorScheme })
    const page = await context.newPage()
    const look = async (url: string) => {
      await page.goto(url)
      await expectAccessible(page)
    }
    await look((await authorizationUrl(system, tenant, { redirect_uri: callback })).url)
    const waiting = new URL((await page.locator('form').first().getAttribute('action')) as string, page.url()).href
    for (const step of ['sign-up', 'forgot', 'verify']) await look(`${waiting}?step=${step}`)
    await page.goto(`${waiting}?step=sign-in`)
    await page.locator('#email').fill('nobody@example.org')
    await page.locator('#password').fill('wrong')
    await page.locator('button').first().click()
    await expectAccessible(page)
    await look(`${tenant.issuer}/account`)
    await look(`${tenant.issuer}/forgot`)
    await look(`${tenant.issuer}/reset?token=none`)
    await look(`${tenant.issuer}/auth?client_id=none`)
    await look(`${system.base}/setup?token=none`)
    const email = `account-${locale}@example.org`.toLowerCase()
    await tenant.api('POST', '/api/v1/identity/users', { email, password: 'correct horse battery staple 9', emailVerified: true })
    await page.goto(`${tenant.issuer}/account`)
    await page.locator('#email').fill(email)
    await page.locator('#password').fill('correct horse battery staple 9')
    await page.locator('button').first().click()
    await expectAccessible(page)
    await look(`${tenant.issuer}/session/end`)
    await page.locator('button').first().click()
    await expectAccessible(page)
    await context.close()
  },
  60_000,
)

test('the reference of the API opens', async () => {
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(`${system.base}/docs`)
  await page.getByRole('button', { name: 'Open Group - Administration' }).click()
  await page.getByText('Create a tenant').first().waitFor()
  expect(errors).toEqual([])
  await page.close()
}, 60_000)
