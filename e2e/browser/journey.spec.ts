/**
 * Promise 1 in a real browser: a person comes to the sample application, signs up, gives consent, calls its API, is given a role, gets into a
 * second application by the same session, signs out, and is erased. Everything that a person does is done on pages.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as oidc from 'openid-client'
import { chromium, type Browser, type Page } from 'playwright-core'
import { startDemo, freePort, type Demo } from '../support/demo.js'
import { call, expectStatus } from '../support/http.js'
import { eventually } from '../support/parallel.js'
import { expectEachStepOnce, settledCounts } from '../support/story.js'
import { System } from '../support/system.js'
import { clientKnown, managementApi, type Tenant } from '../support/tenant.js'
import { machineToken, type MachineClient } from '../support/tokens.js'
import { expectAccessible } from './accessible.js'

const email = 'grace.person@example.org'
const password = 'correct horse battery staple 9'

let system: System
let demo: Demo
let folder: string
let browser: Browser
let api: Tenant['api']
let management: MachineClient
let second: Server

beforeAll(async () => {
  system = await System.start()
  folder = mkdtempSync(join(tmpdir(), 'pavan-browser-'))
  writeFileSync(join(folder, 'operator.json'), JSON.stringify(system.operator))
  const env = { PAVAN_URL: system.base, PAVAN_DATA: folder, PAVAN_OPERATOR_FILE: join(folder, 'operator.json'), PAVAN_DEMO_PORT: String(await freePort()) }
  demo = await startDemo(env)
  management = (JSON.parse(readFileSync(join(folder, 'demo.json'), 'utf8')) as { management: MachineClient }).management
  api = managementApi(system, () => machineToken(management))
  second = createServer((_request, response) => response.end('<h1>The second application</h1>'))
  await new Promise<void>((resolve) => second.listen(0, '127.0.0.1', resolve))
  browser = await chromium.launch({ executablePath: process.env.PAVAN_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
}, 120_000)
afterAll(async () => {
  await browser?.close()
  second?.close()
  await demo?.stop()
  await system?.[Symbol.asyncDispose]()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

/** The value of a claim as the page of the application shows it. */
const claim = (page: Page, name: string) =>
  page
    .getByRole('row', { name: new RegExp(`^${name} `) })
    .getByRole('cell')
    .nth(1)
    .textContent()

/** Presses a button of the application; tells what the API answered. */
const press = async (page: Page, button: string): Promise<string> => {
  await page.getByRole('button', { name: button }).click()
  return (await page.locator('.call strong').first().textContent()) ?? ''
}

/** The code of the newest mail, read where a person reads it. */
const codeFromMailbox = async (page: Page): Promise<string> => {
  const mail = await page.context().newPage()
  const code = await eventually(async () => {
    await mail.goto(`${system.base}/mailbox`)
    const article = mail.getByRole('article').filter({ hasText: email }).first()
    return (await article.count()) > 0 ? /\d{6}/.exec((await article.getByRole('heading').textContent()) ?? '')?.[0] : undefined
  })
  await expectAccessible(mail)
  await mail.close()
  return code
}

/** A public client of the tenant that exchanges the code here, as a single-page application would. */
const secondApplication = async () => {
  const redirect = `http://127.0.0.1:${(second.address() as AddressInfo).port}/callback`
  const application = (await api('POST', '/api/v1/admin/applications', { name: 'Second' })).json.id
  const settings = { name: 'Second', kind: 'spa', firstParty: true, grantTypes: ['authorization_code', 'refresh_token'], redirectUris: [redirect] }
  const { id } = (await api('POST', '/api/v1/admin/clients', { application, settings })).json
  await clientKnown(management.issuer, id)
  const config = await oidc.discovery(new URL(management.issuer), id, undefined, oidc.None(), { execute: [oidc.allowInsecureRequests] })
  return { config, redirect }
}

/** Goes through the authorization endpoint in the person's browser; nobody is asked anything. */
const getInto = async (page: Page, { config, redirect }: Awaited<ReturnType<typeof secondApplication>>) => {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirect,
    scope: 'openid email offline_access',
    resource: `${system.base}/api`,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  await page.goto(url.href)
  if (!page.url().startsWith(redirect)) throw new Error(`not at the application: ${await page.locator('body').innerText()}`)
  return oidc.authorizationCodeGrant(config, new URL(page.url()), { pkceCodeVerifier })
}

test('from sign-up to erasure', async () => {
  const before = await settledCounts({ api })
  const page = await (await browser.newContext({ locale: 'en-GB' })).newPage()
  await page.goto(demo.url)
  await page.getByRole('link', { name: 'Sign in' }).click()
  await page.getByRole('link', { name: 'Create account' }).click()
  await page.getByLabel('Name').fill('Grace Person')
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByLabel('Code').fill(await codeFromMailbox(page))
  await page.getByRole('button', { name: 'Confirm' }).click()
  expect(await page.getByRole('heading').first().textContent()).toBe('Orders on the web asks for access')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Allow' }).click()

  await page.getByRole('heading', { name: 'Hello, Grace Person' }).waitFor()
  expect(await claim(page, 'email')).toBe(email)
  const user = (await claim(page, 'sub')) as string
  expect(await press(page, 'Read the orders')).toBe('Read the orders: refused (403)')
  const assigned = await api('POST', '/api/v1/authorization/assignments', { subject: user, role: 'clerk' })
  const decide = async (position: string) =>
    (await api('POST', '/api/v1/authorization/decisions', { subject: user, action: 'read', resource: 'order', facts: {} }, { 'pavan-wait-for': position })).json
      .allowed
  expect(await decide(assigned.position)).toBe(true)
  expect(await press(page, 'Read the orders')).toBe('Read the orders: allowed (200)')
  const unassigned = await api('DELETE', `/api/v1/authorization/assignments/${user}~clerk`)
  expect(await decide(unassigned.position)).toBe(false)
  expect(await press(page, 'Read the orders')).toBe('Read the orders: refused (403)')

  const other = await secondApplication()
  const tokens = await getInto(page, other)
  expect(await oidc.fetchUserInfo(other.config, tokens.access_token, user)).toMatchObject({ sub: user, email, email_verified: true })
  const { access_token: token, refresh_token } = await oidc.refreshTokenGrant(other.config, tokens.refresh_token as string, { resource: `${system.base}/api` })
  const edited = await call(`${system.base}/api/v1/profiles/me`, { method: 'PATCH', token, json: { attributes: { nickname: 'Amazing' } } })
  expect(expectStatus(edited, 200).json.attributes).toMatchObject({ nickname: 'Amazing' })

  await page.goto(demo.url)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByText('Who can sign in').waitFor()
  await eventually(async () => (await call(`${system.base}/api/v1/identity/me`, { token })).status === 401, 5_000)
  await expect(oidc.refreshTokenGrant(other.config, refresh_token as string)).rejects.toMatchObject({ error: 'invalid_grant' })
  await expectEachStepOnce({ api }, user, { before, further: 1 })

  const erasure = (await api('POST', `/api/v1/profiles/${user}/erasure`)).json
  await eventually(async () => (await api('GET', `/api/v1/profiles/erasures/${erasure.id}`)).json.receipt, 20_000)
  await page.getByRole('link', { name: 'Sign in' }).click()
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  expect(await page.getByRole('alert').textContent()).toBe('The address or the password is wrong.')
  await page.goto(`${system.base}/mailbox`)
  expect(await page.getByText(email).count()).toBe(0)
}, 120_000)
