import { randomBytes } from 'node:crypto'
import { makeId, ManualClock } from '@pavan/kernel'
import { roleAssigned, sessionStarted, signInSucceeded, userEmailVerified, userRegistered } from '@pavan/contracts'
import { sqliteAdapters } from '@pavan/sqlite'
import type { CallerIdentity } from '@pavan/platform/http/caller.js'
import { bareService, ServiceBench } from '@pavan/platform/testing/service-bench.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Views } from '@pavan/platform/views/views.js'
import { searchTokens } from './profile/profiles.view.js'
import { profilesService } from './profiles.service.js'

const clock = new ManualClock(Date.UTC(2026, 10, 24, 12))
const adapters = sqliteAdapters({ folder: ':memory:', clock, claimKey: randomBytes(32) })
const meta = { actor: { type: 'system', id: 'spec' } } as const
const admin = (tenant = 'ten_a'): CallerIdentity => ({ tenant, subject: { type: 'client', id: 'cli_admin' }, client: 'cli_admin', scopes: [] })
const self = (user: string, tenant = 'ten_a'): CallerIdentity => ({
  tenant,
  subject: { type: 'user', id: user },
  client: 'cli_shop',
  session: 'ses_1',
  scopes: [],
})
let bench: ServiceBench

const call = (caller: CallerIdentity | undefined, method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
  bench.call('profiles', method, `/api/v1/profiles${path}`, { caller, body, headers })
const after = (answer: { headers: Headers }) => ({ 'pavan-wait-for': answer.headers.get('pavan-position') ?? '' })
const seen = (position: string) => bench.host('profiles').get(Views).waitFor(position)
const newUserId = () => makeId('user', clock.now(), (into) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>))

const register = async (email: string, name?: string, tenant = 'ten_a'): Promise<string> => {
  const user = newUserId()
  clock.advance(1)
  const event = userRegistered.of({ data: { method: 'password' }, personal: { email, name }, secret: { passwordHash: 'x' } })
  await seen(await bench.write('identity', 'user', { tenant, id: user, subject: user, meta }, event))
  return user
}

beforeAll(async () => {
  bench = await ServiceBench.start([profilesService, bareService('identity'), bareService('authorization')], { adapters, clock })
  for (const tenant of ['ten_a', 'ten_b']) {
    await seen(
      await bench.write(
        'authorization',
        'assignment',
        { tenant, id: 'cli_admin', meta },
        roleAssigned.of({ data: { assignee: 'cli_admin', role: 'administrator' } }),
      ),
    )
  }
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  await adapters.close()
})

describe('the own profile', () => {
  it('begins with what was given at registration and changes by merge patch', async () => {
    const me = self(await register('ada@one.example', 'Ada'))
    const first = await call(me, 'GET', '/me')
    expect(first).toMatchObject({ status: 200, body: { email: 'ada@one.example', emailVerified: false, attributes: { name: 'Ada' }, version: 0 } })
    const patched = await call(me, 'PATCH', '/me', { attributes: { nickname: 'Countess', address: { locality: 'London' } } }, { 'if-match': '"0"' })
    expect(patched).toMatchObject({ status: 200, body: { attributes: { name: 'Ada', nickname: 'Countess', address: { locality: 'London' } }, version: 1 } })
    expect(patched.headers.get('etag')).toBe('"1"')
    expect((await call(me, 'PATCH', '/me', { attributes: { nickname: 'Late' } }, { 'if-match': '"0"' })).body).toMatchObject({
      code: 'request.version.conflict',
    })
    expect((await call(me, 'PATCH', '/me', { attributes: { nickname: null, name: 'Ada Lovelace' } })).body.attributes).toEqual({
      name: 'Ada Lovelace',
      address: { locality: 'London' },
    })
  })

  it('refuses wrong values by pointer, without repeating them', async () => {
    const me = self(await register('wrong@one.example'))
    const answer = await call(me, 'PATCH', '/me', { attributes: { phone_number: '12', shoe: 1, birthdate: '1990-13-01', address: { planet: 'Mars4711' } } })
    expect(answer.status).toBe(400)
    expect([...new Set(answer.body.errors.map(({ pointer }: any) => pointer))].sort()).toEqual([
      '/attributes/address',
      '/attributes/birthdate',
      '/attributes/phone_number',
      '/attributes/shoe',
    ])
    expect(JSON.stringify(answer.body)).not.toContain('Mars')
    for (const body of [{}, { attributes: [] }, { attributes: 'x' }, { attributes: {}, more: 1 }, [], 'x', null])
      expect((await call(me, 'PATCH', '/me', body)).status).toBe(400)
    expect((await call(undefined, 'GET', '/me')).status).toBe(401)
    expect((await call(admin(), 'GET', '/me')).status).toBe(403)
  })

  it('keeps one of 20 parallel changes that saw the same version', async () => {
    const me = self(await register('race@one.example'))
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => call(me, 'PATCH', '/me', { attributes: { nickname: `n${i}` } }, { 'if-match': '"0"' })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(412)])
  })
})

describe('the schema', () => {
  it('says what may be seen and written by whom', async () => {
    const tenant = 'ten_b'
    const user = await register('bea@two.example', 'Bea', tenant)
    const attributes = [
      { key: 'size', label: { en: 'Size' }, type: 'enum', options: ['s', 'm'], required: true },
      { key: 'score', label: { en: 'Score' }, type: 'number', visibility: { self: 'none', admin: 'write' } },
      { key: 'level', label: { en: 'Level' }, type: 'string', visibility: { self: 'read', admin: 'write' } },
    ]
    expect((await call(admin(tenant), 'PUT', '/schema', { attributes })).status).toBe(428)
    expect(await call(admin(tenant), 'PUT', '/schema', { attributes }, { 'if-match': '"0"' })).toMatchObject({ status: 200, body: { version: 1 } })
    await call(admin(tenant), 'PATCH', `/${user}`, { attributes: { score: 7, level: 'gold' } })
    const me = self(user, tenant)
    expect((await call(me, 'GET', '/me')).body).toMatchObject({ attributes: { level: 'gold' }, missing: ['size'] })
    expect((await call(me, 'GET', '/me')).body.attributes).not.toHaveProperty('score')
    for (const wrong of [{ score: 1 }, { level: 'x' }, { size: 'xl' }]) expect((await call(me, 'PATCH', '/me', { attributes: wrong })).status).toBe(400)
    expect((await call(me, 'PATCH', '/me', { attributes: { size: 'm' } })).body).toMatchObject({ attributes: { size: 'm', level: 'gold' }, missing: [] })
    expect((await call(me, 'PATCH', '/me', { attributes: { size: null } })).body.errors).toMatchObject([{ pointer: '/attributes/size' }])
    expect((await call(admin(tenant), 'GET', `/${user}`)).body.attributes).toEqual({ size: 'm', score: 7, level: 'gold' })
    const other = [{ key: 'size', label: { en: 'Size' }, type: 'number' }]
    expect((await call(admin(tenant), 'PUT', '/schema', { attributes: other }, { 'if-match': '"1"' })).body).toMatchObject({
      code: 'profiles.schema.type-fixed',
    })
    expect((await call(me, 'PUT', '/schema', { attributes: [] }, { 'if-match': '"1"' })).status).toBe(403)
  })
})

describe('search', () => {
  it('finds by the beginning of names, e-mail and phone, in the own tenant, also after a change and a rebuild', async () => {
    const user = await register('zoe.mueller@search.example', 'Zoë Müller')
    const other = await register('zoe.mueller@search.example', 'Zoë Müller', 'ten_b')
    const found = async (query: string, tenant = 'ten_a') =>
      (await call(admin(tenant), 'GET', `?query=${encodeURIComponent(query)}`)).body.items.map((item: any) => item.user)
    for (const query of ['zoë', 'MULL', 'zoe mül', 'zoe.mueller@search', 'zoe.mueller@search.example']) expect(await found(query)).toEqual([user])
    expect(await found('zoe', 'ten_b')).toEqual([other])
    expect(await found('zoe smith')).toEqual([])
    const patched = await call(self(user), 'PATCH', '/me', { attributes: { name: 'Zoe Smith', phone_number: '+4915199887766' } })
    await call(admin(), 'GET', '', undefined, after(patched))
    expect(await found('smith')).toEqual([user])
    expect(await found('+49 151 9988')).toEqual([user])
    expect(await found('müll')).toEqual([])
    await bench.host('profiles').get(Views).rebuild('profiles')
    expect(await found('smith')).toEqual([user])
    expect((await call(admin(), 'GET', '?query=x')).status).toBe(400)
    expect((await call(self(user), 'GET', '?query=zoe')).status).toBe(403)
  })

  it('keeps no word that a person has changed', async () => {
    const user = await register('nora.words@search.example', 'Nora Words')
    const words = async () => {
      const { items } = await bench
        .host('profiles')
        .get(Rows)
        .find(searchTokens, { index: 'byUser', where: { tenant: 'ten_a', user }, limit: 500 })
      return items.map(({ token }) => token).sort()
    }
    const rename = async (name: string) => seen((await call(self(user), 'PATCH', '/me', { attributes: { name } })).headers.get('pavan-position') as string)
    const before = await words()
    expect(before.length).toBeGreaterThan(5)
    await rename('Nora Otherwise')
    expect(await words()).not.toEqual(before)
    await rename('Nora Words')
    expect(await words()).toEqual(before)
  })

  it('comes in pages without loss', async () => {
    const users = new Set<string>()
    for (let i = 0; i < 7; i++) users.add(await register(`page${i}@pages.example`, 'Pagina Test'))
    for (const query of ['query=pagina&', '']) {
      const found = new Set<string>()
      let next: string | undefined
      do {
        const { body } = await call(admin(), 'GET', `?${query}limit=2${next ? `&cursor=${encodeURIComponent(next)}` : ''}`)
        for (const { user } of body.items) found.add(user)
        next = body.next
      } while (next)
      expect([...users].every((user) => found.has(user))).toBe(true)
      if (query) expect(found.size).toBe(7)
    }
  })
})

describe('administrators', () => {
  it('see the profiles of their tenant only', async () => {
    const user = await register('mine@one.example')
    expect((await call(admin(), 'GET', `/${user}`)).status).toBe(200)
    for (const [method, path, body] of [
      ['GET', ''],
      ['PATCH', '', { attributes: { nickname: 'x' } }],
      ['POST', '/export'],
      ['POST', '/erasure'],
    ] as const) {
      expect((await call(admin('ten_b'), method, `/${user}${path}`, body)).body).toMatchObject({ code: 'profiles.profile.not-found' })
      expect((await call(self(user), method, `/${user}${path}`, body)).status).toBe(403)
    }
    expect((await call(admin(), 'GET', `/${newUserId()}`)).body).toMatchObject({ code: 'profiles.profile.not-found' })
    expect((await call(admin(), 'GET', '/nobody')).status).toBe(400)
  })
})

describe('an export', () => {
  it('holds what is known of the person, and who looked', async () => {
    const user = await register('eva@export.example', 'Eva')
    const tenant = 'ten_a'
    const origin = { address: '203.0.113.9', device: 'Firefox' }
    const own = { actor: { type: 'user', id: user }, origin } as const
    await bench.write('identity', 'user', { tenant, id: user, subject: user, meta: own }, userEmailVerified.of({ data: {} }))
    await bench.write(
      'identity',
      'session',
      { tenant, id: 'ses_9', subject: user, meta: own },
      sessionStarted.of({ data: { user, method: 'password', expiresAt: 1 } }),
      signInSucceeded.of({ data: { user, session: 'ses_9', method: 'password' } }),
    )
    await seen(await bench.write('identity', 'user', { tenant, id: user, subject: user, meta: own }, userEmailVerified.of({ data: {} })))
    await seen(await bench.write('authorization', 'assignment', { tenant, id: user, meta }, roleAssigned.of({ data: { assignee: user, role: 'viewer' } })))
    expect((await call(admin(), 'POST', `/${user}/export`)).status).toBe(200)
    const { body } = await call(self(user), 'POST', '/me/export')
    expect(body).toMatchObject({
      user,
      profile: { email: 'eva@export.example', emailVerified: true, attributes: { name: 'Eva' } },
      sessions: [{ what: 'session.started', address: '203.0.113.9', device: 'Firefox', details: { session: 'ses_9', method: 'password' } }],
      signIns: [{ what: 'sign-in.succeeded', address: '203.0.113.9' }],
      roles: [{ what: 'role.assigned', details: { role: 'viewer' } }],
      lookedAt: [{ actor: 'cli_admin' }, { actor: user }],
    })
    expect(JSON.stringify(body)).not.toContain('passwordHash')
  })
})
