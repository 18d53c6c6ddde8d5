import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeId, ManualClock } from '@pavan/kernel'
import { contexts, roleAssigned, sessionStarted, userRegistered } from '@pavan/contracts'
import { erasureReceipt } from '@pavan/contracts/profiles/erasure-receipt.js'
import { sqliteAdapters } from '@pavan/sqlite'
import type { CallerIdentity } from '@pavan/platform/http/caller.js'
import { BlindIndex } from '@pavan/platform/privacy/blind-index.js'
import { KeyRing } from '@pavan/platform/privacy/key-ring.js'
import { LocalKeyEncryptionKey } from '@pavan/platform/privacy/kek.js'
import { bareService, ServiceBench } from '@pavan/platform/testing/service-bench.js'
import { until } from '@pavan/platform/testing/until.js'
import { insert, keyOf } from '@pavan/platform/views/changes.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Views } from '@pavan/platform/views/views.js'
import { compactVerify, createLocalJWKSet } from 'jose'
import { searchIndex } from '../profile/profiles.view.js'
import { profilesService } from '../profiles.service.js'
import { Erasures } from './erasures.js'
import { erasures, type ErasureRow } from './erasures.table.js'

const tenant = 'ten_a'
const meta = { actor: { type: 'system', id: 'spec' } } as const
const admin: CallerIdentity = { tenant, subject: { type: 'client', id: 'cli_admin' }, client: 'cli_admin', scopes: [] }
const self = (user: string): CallerIdentity => ({ tenant, subject: { type: 'user', id: user }, client: 'cli_shop', session: 'ses_1', scopes: [] })

/** One folder with its keys, which can be started again and again. */
class Installation {
  readonly folder = mkdtempSync(join(tmpdir(), 'pavan-erasure-'))
  readonly clock = new ManualClock(Date.UTC(2026, 10, 24, 12))
  private readonly claimKey = randomBytes(32)
  private readonly kek = new LocalKeyEncryptionKey(randomBytes(32))
  adapters!: ReturnType<typeof sqliteAdapters>
  bench!: ServiceBench

  /** `others` are the services beside profiles that run. */
  async start(others: readonly string[] = contexts.filter((name) => name !== 'profiles')): Promise<void> {
    this.adapters = sqliteAdapters({ folder: this.folder, clock: this.clock, claimKey: this.claimKey })
    this.bench = await ServiceBench.start([profilesService, ...others.map(bareService)], { adapters: this.adapters, clock: this.clock, kek: this.kek })
  }

  async stop(): Promise<void> {
    await this.bench[Symbol.asyncDispose]()
    await this.adapters.close()
  }

  async begin(): Promise<void> {
    await this.start()
    await this.seen(
      await this.bench.write(
        'authorization',
        'assignment',
        { tenant, id: 'cli_admin', meta },
        roleAssigned.of({ data: { assignee: 'cli_admin', role: 'administrator' } }),
      ),
    )
  }

  get = <T>(token: abstract new (...args: any[]) => T): T => this.bench.host('profiles').get(token)
  seen = (position: string) => this.get(Views).waitFor(position)
  call = (caller: CallerIdentity | undefined, method: string, path: string, body?: unknown) =>
    this.bench.call('profiles', method, `/api/v1/profiles${path}`, { caller, body })

  async person(email: string, name: string): Promise<string> {
    this.clock.advance(1)
    const user = makeId('user', this.clock.now(), (into) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>))
    const own = { tenant, subject: user, meta: { actor: { type: 'user', id: user }, origin: { address: '198.51.100.77', device: 'Netscape-4711' } } } as const
    await this.bench.write('identity', 'user', { ...own, id: user }, userRegistered.of({ data: { method: 'password' }, personal: { email, name }, secret: {} }))
    await this.seen(
      await this.bench.write('identity', 'session', { ...own, id: `ses_${user}` }, sessionStarted.of({ data: { user, method: 'password', expiresAt: 1 } })),
    )
    await this.call(self(user), 'PATCH', '/me', { attributes: { phone_number: '+4915144455566', address: { formatted: 'Eichenallee 99' } } })
    return user
  }

  erasure = async (id: string) => (await this.call(admin, 'GET', `/erasures/${id}`)).body
  completed = (id: string) => until(async () => (await this.erasure(id)).phase === 'completed', 'the receipt')

  /** Every byte of every file of the folder. */
  bytes(): Buffer {
    const files = readdirSync(this.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    return Buffer.concat(files.map((entry) => readFileSync(join(entry.parentPath, entry.name))))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const values = ['erika@erase.example', 'Erika Musterfrau', '+4915144455566', 'Eichenallee 99', '198.51.100.77', 'Netscape-4711', 'usterfrau']

describe('an erasure', () => {
  it('leaves no value behind, and a receipt that can be checked offline', async () => {
    await using pavan = new Installation()
    await pavan.begin()
    const stays = await pavan.person('stays@erase.example', 'Stays Here')
    const user = await pavan.person('erika@erase.example', 'Erika Musterfrau')
    expect((await pavan.call(admin, 'GET', '?query=erika')).body.items).toHaveLength(1)
    const token = pavan.get(BlindIndex).of(tenant, searchIndex, 'muster')
    expect(pavan.bytes().includes(token)).toBe(true)

    const begun = await pavan.call(admin, 'POST', `/${user}/erasure`)
    expect(begun).toMatchObject({ status: 202, body: { user, phase: 'erased' } })
    await pavan.completed(begun.body.id)

    const { receipt, stores } = await pavan.erasure(begun.body.id)
    const keys = (await pavan.call(undefined, 'GET', '/erasures/keys')).body
    expect(keys.keys).toHaveLength(1)
    expect(keys.keys[0]).not.toHaveProperty('d')
    const { payload, protectedHeader } = await compactVerify(receipt, createLocalJWKSet(keys))
    expect(protectedHeader).toMatchObject({ alg: 'ES256', kid: keys.keys[0].kid, typ: 'pavan-erasure-receipt+jws' })
    const said = erasureReceipt.parse(JSON.parse(new TextDecoder().decode(payload)))
    expect(said).toMatchObject({ tenant, user, erasure: begun.body.id, compacted: true })
    expect(said.stores).toEqual(stores)
    expect(said.stores.every(({ residue }) => residue === 0)).toBe(true)
    expect(said.stores.map(({ store }) => store)).toEqual(
      expect.arrayContaining([...contexts.map((context) => `${context}/events`), 'profiles/profiles', 'profiles/search-tokens', 'profiles/subject-history']),
    )

    expect((await pavan.call(admin, 'GET', `/${user}`)).body).toMatchObject({ code: 'request.subject.erased' })
    expect((await pavan.call(self(user), 'PATCH', '/me', { attributes: { nickname: 'x' } })).status).toBe(410)
    expect((await pavan.call(admin, 'POST', `/${user}/export`)).status).toBe(410)
    for (const view of ['profiles', 'subject-history']) await pavan.get(Views).rebuild(view)
    expect((await pavan.call(admin, 'GET', '?query=erika')).body.items).toEqual([])
    expect((await pavan.call(admin, 'GET', `/${stays}`)).body).toMatchObject({ email: 'stays@erase.example' })
    expect((await pavan.call(admin, 'GET', '')).body.items).toMatchObject([{ user: stays }])
    const bytes = pavan.bytes()
    for (const value of [...values, token]) expect([value, bytes.includes(value)]).toEqual([value, false])
  })

  it('asked for twice, and 20 times at once, is one', async () => {
    await using pavan = new Installation()
    await pavan.begin()
    const user = await pavan.person('once@erase.example', 'Once')
    const answers = await Promise.all(Array.from({ length: 20 }, () => pavan.call(admin, 'POST', `/${user}/erasure`)))
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1)
    await pavan.completed(answers[0]?.body.id)
    const { receipt } = await pavan.erasure(answers[0]?.body.id)
    expect((await pavan.call(admin, 'POST', `/${user}/erasure`)).body).toMatchObject({ id: answers[0]?.body.id, phase: 'completed', receipt })
    expect((await pavan.call(admin, 'GET', '/erasures')).body.items).toMatchObject([{ user, phase: 'completed' }])
  })

  it('by the person does not keep their address under the key of the tenant', async () => {
    await using pavan = new Installation()
    await pavan.begin()
    const user = await pavan.person('me@erase.example', 'Me')
    const begun = await pavan.call(self(user), 'POST', '/me/erasure')
    await pavan.completed(begun.body.id)
    const { store } = await pavan.adapters.portsFor('profiles')
    for (const event of await store.read({ tenant, category: 'subject', id: user })) expect(event.origin).toBeUndefined()
    expect(await pavan.get(KeyRing).isDestroyed(tenant, user)).toBe(true)
  })

  it('waits for a service that is away, and goes on after a restart', async () => {
    await using pavan = new Installation()
    await pavan.begin()
    const user = await pavan.person('late@erase.example', 'Late')
    await pavan.stop()
    await pavan.start(contexts.filter((name) => name !== 'profiles' && name !== 'audit'))
    const { id } = (await pavan.call(admin, 'POST', `/${user}/erasure`)).body
    await until(async () => (await pavan.erasure(id)).stores.some(({ store }: any) => store === 'analytics/events'), 'the reports of the others')
    await pavan.get(Erasures).advance()
    expect(await pavan.erasure(id)).toMatchObject({ phase: 'erased' })
    expect((await pavan.erasure(id)).receipt).toBeUndefined()
    await pavan.stop()
    await pavan.start()
    await pavan.completed(id)
  })

  it('is taken up when the process died right after it was asked for', async () => {
    await using pavan = new Installation()
    await pavan.begin()
    const user = await pavan.person('crash@erase.example', 'Crash')
    const id = makeId('erasure', pavan.clock.now(), (into) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>))
    const row: ErasureRow = { tenant, user, id, phase: 'requested', open: true, requestedAt: pavan.clock.now(), actor: meta.actor }
    await pavan.get(Rows).apply([insert(erasures, keyOf(tenant, user), row)])
    await pavan.stop()
    await pavan.start()
    await pavan.get(Erasures).advance() // what the job does
    await pavan.completed(id)
    expect(await pavan.get(KeyRing).isDestroyed(tenant, user)).toBe(true)
  })

  it('of somebody who does not exist is none', async () => {
    await using pavan = new Installation()
    await pavan.begin()
    expect((await pavan.call(admin, 'POST', '/usr_01j9z3f8k2m4n6p8q0r2s4t6v8/erasure')).body).toMatchObject({ code: 'profiles.profile.not-found' })
    expect((await pavan.call(admin, 'GET', '/erasures/era_01j9z3f8k2m4n6p8q0r2s4t6v8')).body).toMatchObject({ code: 'profiles.erasure.not-found' })
  })
})
