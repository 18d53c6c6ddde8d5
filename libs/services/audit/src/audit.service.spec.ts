import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
// oxlint-disable-next-line no-restricted-imports -- whoever tampers has the file, not the ports
import { DatabaseSync } from 'node:sqlite'
import { roleAssigned, sessionStarted, signInFailed, tenantCreated, userRegistered } from '@pavan/contracts'
import { SystemClock, type EventMeta } from '@pavan/kernel'
import { FallenBehind } from '@pavan/platform/bus/bus.js'
import { ServiceUnderTest, user } from '@pavan/platform/testing/service-under-test.js'
import { until } from '@pavan/platform/testing/until.js'
import { KeyRing } from '@pavan/platform/privacy/key-ring.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { checkpointsOf } from '@pavan/platform/views/rows.js'
import { sqliteAdapters } from '@pavan/sqlite'
import { auditService } from './audit.service.js'
import { AuditWriter } from './log/audit-writer.js'
import { verifyConsistency, verifyInclusion } from './merkle/proofs.js'
import { openCheckpoint, verifyExport, type Verdict } from './verify/verify-export.js'

const api = '/api/v1/audit'
const tenant = 'ten_1'
const admin = user(tenant, 'usr_admin')
const origin = { address: '203.0.113.7', device: 'Chrome' }
const meta: EventMeta = {
  actor: { type: 'user', id: 'usr_admin' },
  client: 'cli_console',
  reason: 'TICKET-7',
  requestId: 'req_12345678',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  origin,
}

const buffer = (text: string) => Buffer.from(text, 'base64')

/** Systems of the specs of this file. */
const open: ServiceUnderTest[] = []
const start = async (folder = ':memory:'): Promise<ServiceUnderTest> => {
  const system = await ServiceUnderTest.start(auditService, sqliteAdapters({ folder, clock: new SystemClock(), claimKey: new Uint8Array(32) }))
  open.push(system)
  return system
}
const startWithAdministrators = async (folder?: string): Promise<ServiceUnderTest> => {
  const system = await start(folder)
  for (const one of [tenant, 'ten_2'])
    await system.tell(
      'authorization',
      { tenant: one, category: 'administrators', id: 'administrator' },
      roleAssigned.of({ data: { assignee: 'usr_admin', role: 'administrator' } }),
    )
  return system
}
afterEach(async () => {
  for (const system of open.splice(0)) await system.close()
})

const fail = (system: ServiceUnderTest, id: string, of = tenant) =>
  system.append(
    'identity',
    { tenant: of, category: 'sign-in', id },
    [signInFailed.of({ data: { method: 'password', reason: 'wrong-password', user: 'usr_eve' } })],
    { meta, subject: 'usr_eve' },
  )
const many = async (system: ServiceUnderTest, count: number): Promise<string> => {
  const positions = await Promise.all(Array.from({ length: count }, (_, i) => fail(system, `f${i}`)))
  return positions.toSorted((a, b) => Number(a.split(':')[2]) - Number(b.split(':')[2])).at(-1) as string
}
const exported = async (system: ServiceUnderTest, position = ''): Promise<string[]> =>
  (await system.call<string>('GET', `${api}/export`, { as: admin, headers: position ? { 'pavan-wait-for': position } : {} })).body.trim().split('\n')
const signedNow = async (system: ServiceUnderTest, position = '') => {
  const { body } = await system.call('POST', `${api}/checkpoints`, { as: admin, headers: position ? { 'pavan-wait-for': position } : {} })
  const keys = (await system.call('GET', `${api}/keys`, { as: admin })).body
  return openCheckpoint(body.jws, keys)
}

describe('the audit log', () => {
  test('has one record for every event, with who, whence, why and how it ended', async () => {
    const system = await startWithAdministrators()
    const position = await fail(system, 'f1')
    await system.append(
      'identity',
      { tenant, category: 'user', id: 'usr_new' },
      [userRegistered.of({ data: { method: 'password' }, personal: { email: 'ada@example.org' }, secret: { passwordHash: 'h' } })],
      { meta, subject: 'usr_new' },
    )
    const { body, status } = await system.call('GET', `${api}/records?type=sign-in.failed`, { as: admin, headers: { 'pavan-wait-for': position } })
    expect(status).toBe(200)
    expect(body.items).toMatchObject([
      {
        index: 1,
        type: 'sign-in.failed',
        actor: { type: 'user', id: 'usr_admin' },
        subject: 'usr_eve',
        client: 'cli_console',
        reason: 'TICKET-7',
        requestId: 'req_12345678',
        traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
        outcome: 'failure',
        ...origin,
        data: { method: 'password', reason: 'wrong-password' },
      },
    ])
    await until(async () => (await exported(system)).length === 4)
    const text = (await exported(system)).join('\n')
    for (const personal of ['203.0.113.7', 'Chrome', 'ada@example.org']) expect(text).not.toContain(personal)
  })

  test('is searched by filters, a page at a time, in both directions', async () => {
    const system = await startWithAdministrators()
    await many(system, 25)
    const position = await system.append(
      'identity',
      { tenant, category: 'session', id: 'ses_1' },
      [sessionStarted.of({ data: { user: 'usr_bob', method: 'password', expiresAt: 1 } })],
      { meta },
    )
    const wait = { 'pavan-wait-for': position }
    const seen: number[] = []
    let cursor = ''
    do {
      const { body } = await system.call('GET', `${api}/records?subject=usr_eve&outcome=failure&limit=10${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, {
        as: admin,
        headers: wait,
      })
      seen.push(...body.items.map((item: { index: number }) => item.index))
      cursor = body.next ?? ''
    } while (cursor)
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, i) => i + 1))
    expect((await system.call('GET', `${api}/records?subject=usr_bob`, { as: admin })).body.items).toHaveLength(1)
    expect((await system.call('GET', `${api}/records?type=session.started&outcome=failure`, { as: admin })).body.items).toEqual([])
    const [first] = (await system.call('GET', `${api}/records?order=asc&limit=1`, { as: admin })).body.items
    expect(first).toMatchObject({ index: 0, type: 'role.assigned', subject: 'usr_admin' })
    expect((await system.call('GET', `${api}/records?from=${Date.now() + 60_000}`, { as: admin })).body.items).toEqual([])
    expect((await system.call('GET', `${api}/records/26`, { as: admin })).body).toMatchObject({ type: 'session.started' })
    expect((await system.call('GET', `${api}/records/27`, { as: admin })).body).toMatchObject({ code: 'audit.record.not-found' })
  })

  test('is closed to whoever may not read it, and a tenant sees its own only', async () => {
    const system = await startWithAdministrators()
    const position = await fail(system, 'f1', 'ten_2')
    const wait = { 'pavan-wait-for': position }
    expect((await system.call('GET', `${api}/records`, { as: user(tenant, 'usr_nobody') })).status).toBe(403)
    expect((await system.call('GET', `${api}/records`)).status).toBe(401)
    expect((await system.call('GET', `${api}/records`, { as: admin, headers: wait })).body.items.map((item: { type: string }) => item.type)).toEqual([
      'role.assigned',
    ])
    const theirs = async () => (await system.call('GET', `${api}/records`, { as: user('ten_2', 'usr_admin') })).body.items
    await until(async () => (await theirs()).length >= 2)
    expect(await theirs()).toHaveLength(2)
  })

  test('is exact when batches come again, partly or wholly, also to a copy that knows nothing', async () => {
    const system = await startWithAdministrators()
    const position = await many(system, 40)
    await system.call('GET', `${api}/records`, { as: admin, headers: { 'pavan-wait-for': position } })
    const before = await exported(system)
    const events: StoredEvent[] = [...(await system.environment.adapters.portsFor('identity').then((ports) => ports.store.readAll({ p: 0, seq: 0 }, 1000)))]
    const writer = system.host.get(AuditWriter)
    await writer.handle({ context: 'identity', p: 0, events })
    await writer.handle({ context: 'identity', p: 0, events: events.slice(10, 20) })
    const copy = new AuditWriter(system.core.rows, system.core.log)
    await Promise.all([copy.handle({ context: 'identity', p: 0, events }), writer.handle({ context: 'identity', p: 0, events: events.slice(5) })])
    expect(await exported(system)).toEqual(before)
  })

  const made = (context: string, from: number, count: number) =>
    Array.from(
      { length: count },
      (_, i) =>
        ({
          id: `evt_${context}_${from + i}`,
          type: 'mail.sent',
          schema: 1,
          context,
          stream: { tenant, category: 'mail', id: `m${from + i}` },
          version: 1,
          position: { p: 0, seq: from + i },
          at: 1,
          data: {},
          meta: { actor: { type: 'system', id: 'spec' } },
        }) as StoredEvent,
    )

  test('writes what comes from several partitions at once as one, and lets none of them stand in the way of the others', async () => {
    const system = await startWithAdministrators()
    const writer = system.host.get(AuditWriter)
    const apply = jest.spyOn(system.core.rows, 'apply')
    const stored = (context: string) => system.core.rows.checkpoint('audit-log', context, 0, 'full')
    const [profiles, analytics] = [made('profiles', 1, 5), made('analytics', 1, 5)]
    await Promise.all([writer.handle({ context: 'profiles', p: 0, events: profiles }), writer.handle({ context: 'analytics', p: 0, events: analytics })])
    expect(apply.mock.calls.map(([, upTo]) => checkpointsOf(upTo).map(({ context, to }) => [context, to]))).toEqual([
      [
        ['profiles', 5],
        ['analytics', 5],
      ],
    ])
    // A batch that comes again, longer, while the first one waits: after partitions have moved.
    await Promise.all([
      writer.handle({ context: 'admin', p: 3, events: made('admin', 1, 3) }),
      writer.handle({ context: 'analytics', p: 0, events: analytics }),
      writer.handle({ context: 'admin', p: 3, events: made('admin', 1, 5) }),
    ])
    expect(await system.core.rows.checkpoint('audit-log', 'admin', 3, 'full')).toBe(5)
    const wrong = [{ ...(made('profiles', 6, 1)[0] as StoredEvent), data: { n: 1n } }]
    const outcomes = await Promise.allSettled([
      writer.handle({ context: 'profiles', p: 0, events: wrong }),
      writer.handle({ context: 'analytics', p: 0, events: made('analytics', 6, 1) }),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    expect([await stored('profiles'), await stored('analytics')]).toEqual([5, 6])
    await writer.handle({ context: 'profiles', p: 0, events: made('profiles', 6, 1) })
    expect(await stored('profiles')).toBe(6)
  })

  test('takes nothing that does not follow on what it has: the bus is asked for what is missing', async () => {
    const system = await startWithAdministrators()
    const writer = system.host.get(AuditWriter)
    const batch = { context: 'profiles', p: 0, events: made('profiles', 6, 2), after: 5 }
    await expect(writer.handle(batch)).rejects.toMatchObject({ constructor: FallenBehind, done: 0 })
    expect(await system.core.rows.checkpoint('audit-log', 'profiles', 0, 'full')).toBe(0)
    await writer.handle({ ...batch, events: made('profiles', 1, 7), after: 0 })
    expect(await system.core.rows.checkpoint('audit-log', 'profiles', 0, 'full')).toBe(7)
  })

  test('has no gap and no double when two copies of the service append at the same moment', async () => {
    const system = await startWithAdministrators()
    const other = new AuditWriter(system.core.rows, system.core.log)
    const writer = system.host.get(AuditWriter)
    for (let round = 0; round < 5; round++) {
      await Promise.all([
        writer.handle({ context: 'profiles', p: 0, events: made('profiles', round * 20 + 1, 20) }),
        other.handle({ context: 'analytics', p: 0, events: made('analytics', round * 20 + 1, 20) }),
      ])
    }
    const lines = await exported(system)
    expect(lines).toHaveLength(202)
    expect(await verifyExport(lines, [await signedNow(system)])).toEqual({ ok: true, records: 201, covered: 201, checkpoints: 1 })
  })
})

describe('proofs', () => {
  test('of inclusion and consistency verify, across tiles and a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pavan-audit-'))
    try {
      const first = await startWithAdministrators(folder)
      const early = await signedNow(first, await many(first, 300))
      await first.close()
      open.pop()
      const system = await start(folder)
      const position = await system.append(
        'identity',
        { tenant, category: 'user', id: 'usr_1' },
        Array.from({ length: 500 }, () => sessionStarted.of({ data: { user: 'usr_1', method: 'password', expiresAt: 1 } })),
      )
      const late = await signedNow(system, position)
      expect([early.size, late.size]).toEqual([301, 801])
      for (const index of [0, 1, 255, 256, 300, 511, 512, 800]) {
        const { body } = await system.call('GET', `${api}/proofs/inclusion?record=${index}&size=${late.size}`, { as: admin })
        expect(verifyInclusion(body.hashes.map(buffer), { leaf: buffer(body.leaf), index, size: late.size, root: buffer(late.root) })).toBe(true)
      }
      const { body } = await system.call('GET', `${api}/proofs/consistency?first=${early.size}&second=${late.size}`, { as: admin })
      expect(verifyConsistency(body.hashes.map(buffer), { size: early.size, root: buffer(early.root) }, { size: late.size, root: buffer(late.root) })).toBe(
        true,
      )
      expect((await system.call('GET', `${api}/proofs/inclusion?record=801`, { as: admin })).body).toMatchObject({ code: 'audit.proof.impossible' })
      expect((await system.call('GET', `${api}/proofs/consistency?first=9&second=8`, { as: admin })).status).toBe(409)
      expect(await verifyExport(await exported(system), [late, early])).toEqual({ ok: true, records: 801, covered: 801, checkpoints: 2 })
    } finally {
      for (const system of open.splice(0)) await system.close()
      await rm(folder, { recursive: true })
    }
  })

  test('stay valid after an erasure, which leaves nothing personal to read', async () => {
    const system = await startWithAdministrators()
    const claims = await signedNow(system, await many(system, 5))
    const before = await exported(system)
    const { body: proof } = await system.call('GET', `${api}/proofs/inclusion?record=2`, { as: admin })
    await system.host.get(KeyRing).destroy(tenant, 'usr_admin')
    expect(await exported(system)).toEqual(before)
    expect(await verifyExport(await exported(system), [claims])).toMatchObject({ ok: true, covered: 6 })
    expect((await system.call('GET', `${api}/proofs/inclusion?record=2`, { as: admin })).body).toEqual(proof)
    const { body } = await system.call('GET', `${api}/records/2`, { as: admin })
    expect(body).toMatchObject({ type: 'sign-in.failed', subject: 'usr_eve' })
    expect(body.address).toBeUndefined()
  })
})

describe('tampering in the stored file is named', () => {
  /** A stored log of 12 records and its checkpoint; then somebody changes the file behind the service's back. */
  const tampered = async (tamper: (db: DatabaseSync) => void): Promise<Verdict> => {
    const folder = await mkdtemp(join(tmpdir(), 'pavan-audit-'))
    try {
      const system = await startWithAdministrators(folder)
      const claims = await signedNow(system, await many(system, 11))
      expect(claims.size).toBe(12)
      expect(await verifyExport(await exported(system), [claims])).toMatchObject({ ok: true, records: 12 })
      await system.close()
      open.pop()
      const db = new DatabaseSync(join(folder, 'audit', 'store.db'))
      tamper(db)
      db.close()
      const again = await start(folder)
      const verdict = await verifyExport(await exported(again), [claims])
      await again.close()
      open.pop()
      return verdict
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  const table = '"t_audit-records_v1"'
  const key = (index: number) => `${tenant}/${String(index).padStart(12, '0')}`
  const read = (db: DatabaseSync, index: number) => JSON.parse((db.prepare(`SELECT row FROM ${table} WHERE key = ?`).get(key(index)) as { row: string }).row)
  const write = (db: DatabaseSync, index: number, row: object) =>
    expect(db.prepare(`UPDATE ${table} SET row = ? WHERE key = ?`).run(JSON.stringify(row), key(index)).changes).toBe(1)
  const changed = (row: { record: string }) => ({ ...row, record: row.record.replace('usr_eve', 'usr_bob') })

  test('a changed record', async () => expect(await tampered((db) => write(db, 4, changed(read(db, 4))))).toMatchObject({ ok: false, position: 4 }))
  test('a changed record with a fitting hash', async () => {
    const { leafHash } = await import('./merkle/merkle-hash.js')
    const verdict = await tampered((db) => {
      const row = changed(read(db, 4))
      write(db, 4, { ...row, hash: leafHash(row.record).toString('base64') })
    })
    expect(verdict).toMatchObject({ ok: false, position: 4 })
  })
  test('a dropped record', async () =>
    expect(await tampered((db) => db.exec(`DELETE FROM ${table} WHERE key = '${key(5)}'`))).toMatchObject({ ok: false, position: 5 }))
  test('two swapped records', async () => {
    const verdict = await tampered((db) => {
      const [a, b] = [read(db, 6), read(db, 8)]
      write(db, 6, b)
      write(db, 8, a)
    })
    expect(verdict).toMatchObject({ ok: false, position: 6 })
  })
  test('a truncated log', async () =>
    expect(await tampered((db) => db.exec(`DELETE FROM ${table} WHERE key >= '${key(9)}' AND key < '${tenant}0'`))).toMatchObject({ ok: false, position: 9 }))
  test('a log truncated together with its head', async () => {
    const verdict = await tampered((db) => {
      db.exec(`DELETE FROM ${table} WHERE key >= '${key(9)}' AND key < '${tenant}0'`)
      db.exec(`UPDATE "t_audit-heads_v1" SET row = json_set(row, '$.size', 9) WHERE key = '${tenant}'`)
    })
    expect(verdict).toMatchObject({ ok: false, position: 9 })
  })
  test('a log written anew from one record on, every hash fitting', async () => {
    const { leafHash } = await import('./merkle/merkle-hash.js')
    const verdict = await tampered((db) => {
      let previous = read(db, 6).hash as string
      for (let index = 7; index < 12; index++) {
        const row = read(db, index)
        const record = (index === 7 ? changed(row).record : (row.record as string)).replace(/"previous":"[^"]*"/, `"previous":"${previous}"`)
        previous = leafHash(record).toString('base64')
        write(db, index, { ...row, record, hash: previous })
      }
    })
    expect(verdict).toMatchObject({ ok: false, position: 0, reason: expect.stringContaining('12 records') })
  })
})

test('a checkpoint that somebody else signed is not believed', async () => {
  const [one, other] = [await startWithAdministrators(), await startWithAdministrators()]
  await Promise.all([many(one, 1).then((position) => signedNow(one, position)), many(other, 1)])
  const { body } = await one.call('POST', `${api}/checkpoints`, { as: admin })
  expect((await one.call('POST', `${api}/checkpoints`, { as: admin })).body).toEqual(body)
  const keys = (await other.call('GET', `${api}/keys`, { as: admin })).body
  await expect(openCheckpoint(body.jws, keys)).rejects.toThrow('not signed by the keys')
})

test('a tenant that has just been made has a log of its own', async () => {
  const system = await startWithAdministrators()
  const position = await system.append('admin', { tenant: 'ten_9', category: 'tenant', id: 'ten_9' }, [
    tenantCreated.of({ data: { slug: 'nine', name: 'Nine' } }),
  ])
  await system.host.get(AuditWriter).waitFor(position)
  expect((await system.call('GET', `${api}/checkpoints`, { as: admin })).body.items).toEqual([])
})
