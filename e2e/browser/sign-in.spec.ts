/** Promise 1 in a real browser: the pages lead a person to the application, in both directions of writing, without an accessibility mistake. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as oidc from 'openid-client'
import { chromium, type Browser } from 'playwright-core'
import { System } from '../support/system.js'
import { expectAccessible } from './accessible.js'
import { authorizationUrl, mailTo, makeTenant, type Tenant } from '../support/tenant.js'

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
  await page.getByLabel('Code').fill((await mailTo(system, 'ada@example.org', 'verify-email')).code)
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

test('the pages speak Arabic from right to left, and work without JavaScript', async () => {
  const context = await browser.newContext({ locale: 'ar', javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto((await authorizationUrl(system, tenant, { redirect_uri: callback })).url)
  expect(await page.locator('html').getAttribute('dir')).toBe('rtl')
  await page.locator('#email').fill('nobody@example.org')
  await page.locator('#password').fill('wrong')
  await page.getByRole('button').first().click()
  expect(await page.getByRole('alert').textContent()).toBe('العنوان أو كلمة المرور غير صحيحة.')
  await context.close()
}, 60_000)

test('the reference of the API opens', async () => {
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(`${system.base}/docs`)
  await page.getByText('Create a tenant').first().waitFor()
  expect(errors).toEqual([])
  await page.close()
}, 60_000)
