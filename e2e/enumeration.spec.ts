/**
 * Promise 8: sign-up, sign-in, reset and resend say the same about known and unknown addresses, in text, status and time; and the log names
 * nobody. Times are judged by the ratio of medians of interleaved samples, so that a busy machine slows both alike.
 */
import { Browser } from './support/http.js'
import { System } from './support/system.js'
import { authorizationUrl, callback, mailTo, makeTenant, type Tenant } from './support/tenant.js'

const samples = 20
const password = 'correct horse battery staple 9'
const known = Array.from({ length: samples }, (_, index) => `known-person-${index}@example.org`)
const unknown = (form: string, index: number) => `unknown-${form}-${index}@example.org`

let system: System
let tenant: Tenant
beforeAll(async () => {
  system = await System.start()
  tenant = await makeTenant(system, 'quiet')
  for (const email of known) await tenant.api('POST', '/api/v1/identity/users', { email, password, emailVerified: true })
}, 60_000)
afterAll(() => system?.[Symbol.asyncDispose]())

interface Seen {
  readonly status: number
  /** What the person reads, without what differs by chance. */
  readonly text: string
  readonly milliseconds: number
}

const words = (page: string, email: string): string =>
  page
    .replace(/<style[\s\S]*?<\/style>/g, '')
    .replaceAll(email, 'address')
    .replace(/chg_[\w-]+/g, 'challenge')

const form = async (step: string): Promise<Browser> => {
  const browser = new Browser(callback)
  await browser.open((await authorizationUrl(system, tenant)).url)
  await browser.open(`${browser.url.split('?')[0]}?step=${step}`)
  return browser
}

const timed = async (browser: Browser, email: string, submit: () => Promise<unknown>): Promise<Seen> => {
  const began = performance.now()
  await submit()
  return { milliseconds: performance.now() - began, status: browser.status, text: words(browser.page, email) }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number

/** Sends the form for known and unknown addresses in turn, in changing order, and compares everything. */
const compare = async (name: string, browser: Browser, fields: (email: string) => Record<string, string>): Promise<void> => {
  const { page, url } = browser
  const send = (email: string): Promise<Seen> => {
    const one = browser.copy()
    one.page = page
    one.url = url
    return timed(one, email, () => one.submit(fields(email)))
  }
  const times = { known: [] as number[], unknown: [] as number[] }
  for (let index = 0; index < samples; index++) {
    const emails = { known: known[index] as string, unknown: unknown(name, index) }
    const seen: Partial<Record<'known' | 'unknown', Seen>> = {}
    for (const kind of index % 2 === 0 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const)) {
      seen[kind] = await send(emails[kind])
      // The first ones warm up what is loaded once.
      if (index >= 4) times[kind].push(seen[kind].milliseconds)
    }
    expect([seen.known?.status, seen.known?.text]).toEqual([seen.unknown?.status, seen.unknown?.text])
  }
  const ratio = median(times.known) / median(times.unknown)
  expect(ratio).toBeGreaterThan(1 / 1.5)
  expect(ratio).toBeLessThan(1.5)
}

test('sign-in', async () => compare('sign-in', await form('sign-in'), (email) => ({ email, password: 'not the right one' })), 60_000)

test('reset', async () => compare('reset', await form('forgot'), (email) => ({ email })), 60_000)

test('sign-up', async () => compare('sign-up', await form('sign-up'), (email) => ({ email, password, name: 'Somebody' })), 60_000)

test('resend, and a wrong code', async () => {
  const seen = []
  for (const [email, template] of [
    [known[0] as string, 'already-registered'],
    ['unknown-resend@example.org', 'verify-email'],
  ] as const) {
    const browser = await form('sign-up')
    await browser.submit({ email, password, name: 'Somebody' })
    const { code = '' } = await mailTo(system, email, template, tenant)
    const resent = await timed(browser, email, () => browser.submit({}, { having: 'resend' }))
    const wrong = await timed(browser, email, () => browser.submit({ code: code === '000000' ? '000001' : '000000' }))
    seen.push([resent, wrong].map(({ status, text }) => ({ status, text: text.replace(/interaction\/[\w-]+/g, 'interaction') })))
  }
  expect(seen[0]).toEqual(seen[1])
}, 60_000)

test('what failed is in the log without saying whose it was', () => {
  expect(system.output).toMatch(/"route":"[^"]*interaction/)
  expect(system.output).not.toMatch(/known-person|unknown-sign|unknown-reset|not the right one|%40example|Somebody/)
})
