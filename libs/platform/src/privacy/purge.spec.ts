import { storePurged, subjectErased } from '@pavan/contracts'
import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import { idempotencyTable } from '../http/idempotency.js'
import { notes, notesService } from '../testing/notes-service.js'
import { ServiceUnderTest, user } from '../testing/service-under-test.js'
import { until } from '../testing/until.js'

let service: ServiceUnderTest
beforeEach(async () => {
  service = await ServiceUnderTest.start(notesService, sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) }))
})
afterEach(() => service.close())

const write = (tenant: string, author: string, title: string) =>
  service.call('POST', '/api/v1/notes', {
    as: user(tenant, author),
    body: { title, text: `${title} by ${author}` },
    headers: { 'idempotency-key': `${tenant}-${title}`.replaceAll(' ', '-') },
  })
const rows = async (tenant: string, author: string) => (await service.core.rows.find(notes, { index: 'byAuthor', where: { tenant, author }, limit: 100 })).items
const kept = async (tenant: string, caller: string) =>
  (await service.core.rows.find(idempotencyTable, { index: 'byCaller', where: { tenant, caller }, limit: 100 })).items
const erase = (tenant: string, id: string, erasure: string) =>
  service.append('profiles', { tenant, category: 'profile', id: erasure }, [subjectErased.of({ data: { user: id, erasure } })])
const reports = async (erasure: string) => {
  const found = []
  for (let after = 0; ;) {
    const batch = await service.core.store.readAll({ p: 0, seq: after }, 500)
    if (batch.length === 0) return found
    found.push(...batch.filter((event) => event.type === storePurged.type && (event.data as any).erasure === erasure).map((event) => event.data as any))
    after = batch.at(-1)!.position.seq
  }
}

describe('the purge after an erasure', () => {
  it('removes the rows of the person in every table, nobody else’s, and reports each store once', async () => {
    for (const [tenant, author] of [
      ['ten_a', 'usr_gone'],
      ['ten_a', 'usr_stays'],
      ['ten_b', 'usr_gone'],
    ] as const) {
      for (const title of ['one', 'two']) await write(tenant, author, `${author} ${title}`)
    }
    await service.core.views.ready()
    expect([(await rows('ten_a', 'usr_gone')).length, (await kept('ten_a', 'usr_gone')).length]).toEqual([2, 2])
    await erase('ten_a', 'usr_gone', 'era_1')
    await until(async () => (await reports('era_1')).length === 3, 'the reports')
    expect([await rows('ten_a', 'usr_gone'), await kept('ten_a', 'usr_gone')]).toEqual([[], []])
    expect(await reports('era_1')).toEqual(
      expect.arrayContaining([
        { user: 'usr_gone', erasure: 'era_1', store: 'notes/notes', removed: 2, residue: 0 },
        { user: 'usr_gone', erasure: 'era_1', store: 'notes/idempotency', removed: 2, residue: 0 },
        { user: 'usr_gone', erasure: 'era_1', store: 'notes/events', removed: 0, residue: 0 },
      ]),
    )
    for (const [tenant, author] of [
      ['ten_a', 'usr_stays'],
      ['ten_b', 'usr_gone'],
    ] as const) {
      expect((await rows(tenant, author)).map(({ personal }) => personal?.text)).toEqual([`${author} one by ${author}`, `${author} two by ${author}`])
      expect(await kept(tenant, author)).toHaveLength(2)
    }
  })

  it('heard twice reports once', async () => {
    await write('ten_a', 'usr_twice', 'x')
    await erase('ten_a', 'usr_twice', 'era_2')
    await until(async () => (await reports('era_2')).length === 3, 'the reports')
    // The same erasure in another event, as a redelivery under another id would be.
    await service.append('profiles', { tenant: 'ten_a', category: 'profile', id: 'again' }, [
      subjectErased.of({ data: { user: 'usr_twice', erasure: 'era_2' } }),
    ])
    await erase('ten_a', 'usr_other', 'era_3')
    await until(async () => (await reports('era_3')).length === 3, 'the reports of the next one')
    expect(await reports('era_2')).toHaveLength(3)
  })

  it('of somebody of whom nothing is known reports that nothing was there', async () => {
    await erase('ten_a', 'usr_nobody', 'era_4')
    await until(async () => (await reports('era_4')).length === 3, 'the reports')
    expect((await reports('era_4')).map(({ removed, residue }) => [removed, residue])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ])
  })

  it('makes the person unreadable here although the key was destroyed elsewhere', async () => {
    const { keys } = service.core
    const sealed = await keys.seal('ten_a', 'usr_far', 'place', 'x')
    await erase('ten_a', 'usr_far', 'era_5')
    await until(async () => (await reports('era_5')).length === 3, 'the reports')
    expect(await keys.open('ten_a', 'usr_far', 'place', sealed)).toBeUndefined()
  })
})
