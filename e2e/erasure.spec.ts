/** Promise 5: an erased person is found nowhere, everything of theirs is dead, and what must stay stays: counts, proofs, the receipt. */
import * as oidc from 'openid-client'
import { leafHash } from '@pavan/audit/merkle/merkle-hash.js'
import { verifyConsistency, verifyInclusion } from '@pavan/audit/merkle/proofs.js'
import { openCheckpoint, verifyExport } from '@pavan/audit/verify/verify-export.js'
import { verifyReceipt } from '../apps/cli/src/commands/erasure.js'
import { call, expectStatus } from './support/http.js'
import { eventually } from './support/parallel.js'
import { System } from './support/system.js'
import { exchange, makeTenant, signUp, type Tenant } from './support/tenant.js'
import { operatorToken } from './support/tokens.js'
import { consumersOf, idle, rebuildViews } from './support/views.js'

const email = 'zanzibar.quix@example.org'
const person = { email, password: 'correct horse battery staple 9' }
const values = [email, 'zanzibar', 'Ada Person', '+441632960983', 'Quixotic Lane']

/** Where the system keeps a value, in the encodings in which it might. */
const found = async (system: System, value: string): Promise<string[]> => {
  const forms = [Buffer.from(value), Buffer.from(Buffer.from(value).toString('base64').slice(0, -3)), Buffer.from(value, 'utf16le')]
  const places = new Set<string>()
  for await (const { place, bytes } of system.stored()) if (forms.some((form) => bytes.includes(form))) places.add(place)
  return [...places]
}

const buffer = (base64: string): Buffer => Buffer.from(base64, 'base64')

/** Not a byte in what is kept, the log, the mailbox, a list, a search or an export. */
const expectNowhere = async (system: System, { api }: Tenant): Promise<void> => {
  for (const value of values) expect([value, await found(system, value)]).toEqual([value, []])
  const texts = {
    log: system.output,
    mailbox: (await call(`${system.base}/mailbox.json`)).text,
    users: JSON.stringify((await api('GET', '/api/v1/identity/users')).json),
    profiles: JSON.stringify((await api('GET', '/api/v1/profiles?q=zanzibar')).json),
    audit: JSON.stringify((await api('GET', '/api/v1/audit/records?limit=100')).json),
  }
  for (const value of values) expect([value, Object.entries(texts).filter(([, text]) => text.includes(value))]).toEqual([value, []])
}

test('no byte of an erased person is left, also after every view was rebuilt and after a new start; counts and proofs stay', async () => {
  await using system = await System.start({ env: {} })
  const tenant = await makeTenant(system, 'erase')
  const { api } = tenant
  const { browser, verifier } = await signUp(system, tenant, person)
  const signedIn = await exchange(tenant, browser.url, verifier)
  const user = signedIn.claims()?.sub as string
  const tokens = await oidc.refreshTokenGrant(tenant.config, signedIn.refresh_token as string, { resource: `${system.base}/api` })
  expectStatus(await call(`${system.base}/api/v1/identity/me`, { token: tokens.access_token }), 200)
  const attributes = { phone_number: '+441632960983', address: { street_address: '1 Quixotic Lane' } }
  const patched = await call(`${system.base}/api/v1/profiles/me`, { method: 'PATCH', token: tokens.access_token, json: { attributes } })
  expectStatus(patched, 200)
  // All of it is there before: a search for nothing would find nothing, too.
  await eventually(async () => JSON.stringify((await api('GET', '/api/v1/profiles?q=zanzibar')).json).includes(email))
  expect((await call(`${system.base}/mailbox.json`)).text).toContain(email)
  expect(JSON.stringify((await api('POST', `/api/v1/profiles/${user}/export`, {})).json)).toContain('Quixotic Lane')
  const count = async (metric: string) => {
    const { series } = (await api('GET', `/api/v1/analytics/series?metric=${metric}`)).json as { series: { points: { value: number }[] }[] }
    return series.flatMap(({ points }) => points).reduce((sum, { value }) => sum + value, 0)
  }
  const counts = () => Promise.all(['sign-ups', 'sign-ins', 'active-users'].map(count))
  await eventually(async () => (await counts()).every((total) => total === 1))

  const auditKeys = (await api('GET', '/api/v1/audit/keys')).json
  const checkpoint = async () => openCheckpoint((await api<{ jws: string }>('POST', '/api/v1/audit/checkpoints', {})).json.jws, auditKeys)
  const about = await eventually(async () => {
    const { items } = (await api('GET', `/api/v1/audit/records?type=user.registered&subject=${user}`)).json
    return items[0] as { index: number; hash: string } | undefined
  })
  const before = await checkpoint()
  const proof = (await api('GET', `/api/v1/audit/proofs/inclusion?record=${about.index}&size=${before.size}`)).json

  const { id } = (await api('POST', `/api/v1/profiles/${user}/erasure`, {})).json
  const erasure = await eventually(async () => {
    const { json } = await api('GET', `/api/v1/profiles/erasures/${id}`)
    return json.receipt ? json : undefined
  }, 60_000)

  // The receipt is checked by its keys alone, and names every service that keeps events.
  const receipt = await verifyReceipt(erasure.receipt, (await call(`${system.base}/api/v1/profiles/erasures/keys`)).json)
  expect(receipt).toMatchObject({ user, tenant: tenant.id })
  const services = (await consumersOf(system)).map(({ service }) => service).filter((one) => one !== 'gateway')
  const stores = receipt.stores.map(({ store }) => store)
  expect(stores).toEqual(expect.arrayContaining(services.map((service) => `${service}/events`)))
  expect(stores).toEqual(expect.arrayContaining(['identity/mails', 'identity/oidc-sessions', 'profiles/profiles', 'profiles/search-tokens']))
  expect(receipt.stores.filter(({ residue }) => residue !== 0)).toEqual([])

  // Sessions and tokens are dead.
  expectStatus(await call(`${system.base}/api/v1/identity/me`, { token: tokens.access_token }), 401)
  await expect(oidc.refreshTokenGrant(tenant.config, tokens.refresh_token as string)).rejects.toMatchObject({ error: 'invalid_grant' })
  await browser.open(`${tenant.issuer}/account`)
  expect(browser.page).not.toContain(email)
  await expect(api('POST', `/api/v1/profiles/${user}/export`, {})).rejects.toThrow(/: 4\d\d /)

  await expectNowhere(system, tenant)
  expect(await counts()).toEqual([1, 1, 1])

  // What was proved before is proved still, and the log only grew.
  const raw = (await api('GET', `/api/v1/audit/records/${about.index}/raw`)).json as { record: string; hash: string }
  const root = buffer(before.root)
  expect(raw.hash).toBe(about.hash)
  expect(leafHash(raw.record).toString('base64')).toBe(about.hash)
  expect(verifyInclusion(proof.hashes.map(buffer), { leaf: buffer(about.hash), index: about.index, size: before.size, root })).toBe(true)
  const after = await checkpoint()
  expect(after.size).toBeGreaterThan(before.size)
  const grown = (await api('GET', `/api/v1/audit/proofs/consistency?first=${before.size}&second=${after.size}`)).json
  expect(verifyConsistency(grown.hashes.map(buffer), { size: before.size, root }, { size: after.size, root: buffer(after.root) })).toBe(true)
  const exported = await call(`${system.base}/api/v1/audit/export`, { token: await tenant.token() })
  expect(await verifyExport(exported.text.trimEnd().split('\n'), [before, after])).toMatchObject({ ok: true, covered: after.size })
  for (const value of values) expect(exported.text.includes(value)).toBe(false)

  await rebuildViews(system, await operatorToken(system))
  await idle(system)
  await expectNowhere(system, tenant)
  expect(await counts()).toEqual([1, 1, 1])

  await system.restart()
  await expectNowhere(system, tenant)
  // Whoever comes with the address now is somebody else.
  const fresh = await signUp(system, tenant, person)
  const freshTokens = await exchange(tenant, fresh.browser.url, fresh.verifier)
  expect(freshTokens.claims()?.sub).not.toBe(user)
  await eventually(async () => (await count('sign-ups')) === 2)
}, 300_000)
