/** Promise 5: an erased person is found nowhere in what the system keeps, and the counts stay. */
import { call, expectStatus } from './support/http.js'
import { eventually } from './support/parallel.js'
import { System } from './support/system.js'
import { exchange, makeTenant, signUp } from './support/tenant.js'

const email = 'zanzibar.quix@example.org'
const values = [email, 'zanzibar', 'Ada Person', '+441632960983', 'Quixotic Lane']

/** Where the system keeps a value, in the encodings in which it might. */
const found = async (system: System, value: string): Promise<string[]> => {
  const forms = [Buffer.from(value), Buffer.from(Buffer.from(value).toString('base64').slice(0, -3)), Buffer.from(value, 'utf16le')]
  const places = new Set<string>()
  for await (const { place, bytes } of system.stored()) if (forms.some((form) => bytes.includes(form))) places.add(place)
  return [...places]
}

test('no byte of an erased person is left: folder, log, mailbox, list, export; nor after a rebuild and a new start', async () => {
  await using system = await System.start({ env: {} })
  const tenant = await makeTenant(system, 'erase')
  const person = await signUp(system, tenant, { email, password: 'correct horse battery staple 9' })
  const tokens = await exchange(tenant, person.browser.url, person.verifier)
  const user = tokens.claims()?.sub as string
  const attributes = { phoneNumber: '+441632960983', address: '1 Quixotic Lane' }
  await call(`${system.base}/api/v1/profiles/me`, { method: 'PATCH', token: tokens.access_token, json: { attributes } })
  const total = async () => ((await tenant.api('GET', '/api/v1/analytics/series?metric=sign-ups')).json.series as { total: number }[])[0]?.total
  await eventually(async () => (await total()) === 1)

  const { id } = (await tenant.api('POST', `/api/v1/profiles/${user}/erasure`)).json
  const erasure = await eventually(async () => {
    const { json } = await tenant.api('GET', `/api/v1/profiles/erasures/${id}`)
    return json.receipt ? json : undefined
  }, 20_000)
  const stores = (
    JSON.parse(Buffer.from((erasure.receipt as string).split('.')[1] as string, 'base64url').toString()) as { stores: { store: string; residue: number }[] }
  ).stores
  expect(stores.map(({ store }) => store)).toEqual(expect.arrayContaining(['identity/events', 'profiles/events', 'audit/events', 'analytics/events']))
  expect(stores.every(({ residue }) => residue === 0)).toBe(true)
  expectStatus(await call(`${system.base}/api/v1/identity/me`, { token: tokens.access_token }), 401)
  expect(await total()).toBe(1)

  const nowhere = async (): Promise<void> => {
    for (const value of values) expect([value, await found(system, value)]).toEqual([value, []])
    const texts = [system.output, (await call(`${system.base}/mailbox.json`)).text, JSON.stringify((await tenant.api('GET', '/api/v1/identity/users')).json)]
    for (const value of values) expect(texts.some((text) => text.includes(value))).toBe(false)
  }
  await nowhere()
  await system.restart()
  await nowhere()
}, 120_000)
