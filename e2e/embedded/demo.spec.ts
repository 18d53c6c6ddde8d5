/** What `npm run demo` promises: a furnished tenant, and an application of its own that signs people in; whatever was there before. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../support/parallel.js'
import { freePort, startDemo, type Demo } from '../support/demo.js'
import { Browser, call, expectStatus } from '../support/http.js'
import { System } from '../support/system.js'
import { machineToken, type MachineClient } from '../support/tokens.js'

const password = 'demo passphrase of pavan'
const clerk = 'ada.abadi@example.com'
const visitor = 'bilal.abadi@example.com'

/** In the browser of a person who has just signed in at the demo. */
const signedIn = async (demo: Demo, email: string): Promise<Browser> => {
  const browser = new Browser('nowhere:')
  await browser.open(`${demo.url}/sign-in`)
  await browser.submit({ email, password })
  if (browser.page.includes('value="consent"')) await browser.submit({}, { having: 'consent' })
  expect(browser.url).toBe(`${demo.url}/`)
  return browser
}
/** Presses a button and tells what the newest line says. */
const press = async (browser: Browser, action: string): Promise<string> => {
  await browser.submit({}, { having: `action=${action}` })
  return /<strong>([^<]+)<\/strong>/.exec(browser.page)?.[1] ?? browser.page
}

const folder = mkdtempSync(join(tmpdir(), 'pavan-demo-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('beside a running system: people, claims, an API that one role may call and another may not; run twice it adds nothing', async () => {
  await using system = await System.start()
  const operatorFile = join(folder, 'operator.json')
  writeFileSync(operatorFile, JSON.stringify(system.operator))
  const env = { PAVAN_URL: system.base, PAVAN_DATA: folder, PAVAN_OPERATOR_FILE: operatorFile }
  let demo = await startDemo({ ...env, PAVAN_DEMO_PORT: String(await freePort()) })
  try {
    expect(demo.output).toContain('200 people imported')

    const ada = await signedIn(demo, clerk)
    expect(ada.page).toContain('Hello, Ada Abadi')
    expect(ada.page).toContain(`<td>email</td><td>${clerk}</td>`)
    expect(await press(ada, 'read')).toBe('Read the orders: allowed (200)')
    expect(await press(ada, 'approve-small')).toBe('Approve order 1, of 120: allowed (200)')
    expect(await press(ada, 'approve-large')).toBe('Approve order 2, of 9,900: refused (403)')
    expect(ada.page).toContain('Orders above 1,000 need the owner.')
    const bilal = await signedIn(demo, visitor)
    expect(await press(bilal, 'read')).toBe('Read the orders: refused (403)')
    await ada.submit({}, { having: '/sign-out' })
    if (ada.url !== `${demo.url}/`) await ada.submit({ logout: 'yes' })
    expect(ada.url).toBe(`${demo.url}/`)
    expect(ada.page).toContain('Who can sign in')

    const { management } = JSON.parse(readFileSync(join(folder, 'demo.json'), 'utf8')) as { management: MachineClient }
    const token = await machineToken(management)
    const facts = async () => {
      const get = async (path: string) => expectStatus(await call(`${system.base}/api/v1/${path}`, { token }), 200).json
      const from = new Date(Date.now() - 95 * 86_400_000).toISOString().slice(0, 10)
      const series = async (metric: string) =>
        (await get(`analytics/series?metric=${metric}&from=${from}&interval=day`)).series[0] as { total: number; points: { value: number }[] }
      const [signUps, active] = [await series('sign-ups'), await series('active-users')]
      const count = async (path: string) => ((await get(path)).items as unknown[]).length
      return {
        people: signUps.total,
        daysWithSignUps: signUps.points.filter(({ value }) => value > 0).length,
        daysWithActivity: active.points.filter(({ value }) => value > 0).length,
        clients: await count('admin/clients?limit=100'),
        applications: await count('admin/applications?limit=100'),
        roles: await count('authorization/roles?limit=100'),
        policies: await count('authorization/policies?limit=100'),
      }
    }
    await eventually(async () => {
      const { people, daysWithActivity } = await facts()
      return people === 200 && daysWithActivity > 80
    }, 30_000)
    const before = await facts()
    expect(before.daysWithSignUps).toBeGreaterThan(50)
    expect(before.daysWithActivity).toBeGreaterThan(80)

    expect(await demo.stop()).not.toBe(1)
    // On another port, too: the client's addresses follow.
    demo = await startDemo({ ...env, PAVAN_DEMO_PORT: String(await freePort()) })
    expect(demo.output).toContain('The people were there already.')
    expect(await press(await signedIn(demo, clerk), 'read')).toBe('Read the orders: allowed (200)')
    expect(await facts()).toEqual(before)
  } finally {
    await demo.stop()
  }
}, 120_000)

test('without a system it starts one, and ends it with itself', async () => {
  const own = join(folder, 'own')
  const demo = await startDemo({ PAVAN_DATA: own, PORT: '0', PAVAN_DEMO_PORT: String(await freePort()) })
  try {
    expect(existsSync(join(own, 'format.json'))).toBe(true)
    expect((await call(`${demo.pavan}/healthz`)).status).toBe(200)
    expect(await press(await signedIn(demo, clerk), 'read')).toBe('Read the orders: allowed (200)')
  } finally {
    expect(await demo.stop()).toBe(0)
  }
  await expect(fetch(`${demo.pavan}/healthz`)).rejects.toThrow('fetch failed')
}, 120_000)
