import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ManualClock } from '@pavan/kernel'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { StartError } from '@pavan/platform/service/start-error.js'
import { until } from '@pavan/platform/testing/until.js'
import { defineTable } from '@pavan/platform/views/rows.js'
import { sqliteAdapters, type SqliteAdapters } from './index.js'

const claimKey = new Uint8Array(32).fill(7)
let folder: string
let adapters: SqliteAdapters | undefined

const open = (): SqliteAdapters => (adapters = sqliteAdapters({ folder, clock: new ManualClock(), claimKey }))

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pavan-sqlite-'))
})
afterEach(async () => {
  await adapters?.close()
  adapters = undefined
  rmSync(folder, { recursive: true, force: true })
})

const stream = { tenant: 'ten_a', category: 'user', id: 'usr_1' }
const event = (id: string, data: unknown = {}) => ({
  id,
  type: 'user.registered',
  schema: 1,
  at: 1,
  data,
  meta: { actor: { type: 'system' as const, id: 'spec' } },
})

test('what was written is there after a restart', async () => {
  const { store, keys } = await open().portsFor('identity')
  await store.append(stream, [event('evt_1')], { expected: 0, claims: [{ take: { name: 'email', value: 'a@example.org' } }] })
  await keys.insert({ tenant: 'ten_a', subject: 'usr_1', wrapped: new Uint8Array([1, 2, 3]), kek: 'k1' })
  await adapters?.close()
  const again = await open().portsFor('identity')
  expect((await again.store.read(stream)).map(({ id, version, position }) => ({ id, version, position }))).toEqual([
    { id: 'evt_1', version: 1, position: { p: 0, seq: 1 } },
  ])
  expect(await again.store.claimOwner('ten_a', 'email', 'a@example.org')).toEqual(stream)
  expect((await again.keys.get('ten_a', 'usr_1')).state).toBe('present')
})

test('the bus delivers what is in a store, also what nobody published before the process ended, without its secrets', async () => {
  const { store } = await open().portsFor('identity')
  await store.append(stream, [{ ...event('evt_1'), secret: 'sealed' }, event('evt_2')], { expected: 0 })
  await adapters?.close()
  const { bus } = await open().portsFor('admin')
  const seen: StoredEvent[] = []
  await bus.subscribe({ group: 'g', contexts: ['identity'], handle: async ({ events }) => void seen.push(...events) })
  expect(await bus.heads('identity')).toEqual([])
  await adapters?.portsFor('identity') // the service opens after its reader
  await until(() => seen.length === 2)
  expect(seen.map(({ id, position, ...rest }) => [id, position.seq, 'secret' in rest])).toEqual([
    ['evt_1', 1, false],
    ['evt_2', 2, false],
  ])
})

describe('a group with an interval', () => {
  const turns = async () => {
    for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  const subscribed = async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] })
    const { store, bus } = await open().portsFor('identity')
    const sizes: number[] = []
    const publish = async (from: number, count: number) => {
      for (let i = from; i < from + count; i++) await store.append({ ...stream, id: `usr_${i}` }, [event(`evt_${i}`)], { expected: 0 })
      await bus.publish(await store.readAll({ p: 0, seq: from - 1 }, count))
      await turns()
    }
    const subscribe = () =>
      bus.subscribe({ group: 'g', contexts: ['identity'], interval: 1_000, from: async () => 0, handle: async ({ events }) => void sizes.push(events.length) })
    return { sizes, publish, subscribe }
  }
  afterEach(() => jest.useRealTimers())

  test('gets at once what comes first, and what comes meanwhile together', async () => {
    const { sizes, publish, subscribe } = await subscribed()
    await subscribe()
    for (let seq = 1; seq <= 4; seq++) await publish(seq, 1)
    expect(sizes).toEqual([1])
    jest.advanceTimersByTime(1_000)
    await turns()
    expect(sizes).toEqual([1, 3])
  })

  test('gets a long history without waiting', async () => {
    const { sizes, publish, subscribe } = await subscribed()
    await publish(1, 1_200)
    await subscribe()
    await turns()
    expect(sizes).toEqual([500, 500, 200])
  })
})

test('a group gets no more at once than it takes', async () => {
  const { store, bus } = await open().portsFor('identity')
  for (let i = 1; i <= 120; i++) await store.append({ ...stream, id: `usr_${i}` }, [event(`evt_${i}`)], { expected: 0 })
  const sizes: number[] = []
  // It is asked before each batch.
  const atOnce = () => (sizes.length < 2 ? 30 : Infinity)
  await bus.publish(await store.readAll({ p: 0, seq: 0 }, 120))
  await bus.subscribe({ group: 'g', contexts: ['identity'], from: async () => 0, atOnce, handle: async ({ events }) => void sizes.push(events.length) })
  await until(() => sizes.reduce((sum, size) => sum + size, 0) === 120)
  expect(sizes).toEqual([30, 30, 60])
})

test('who takes few at once lets others go first, also where nothing is waited for', async () => {
  const { store, bus } = await open().portsFor('identity')
  for (let i = 1; i <= 60; i++) await store.append({ ...stream, id: `usr_${i}` }, [event(`evt_${i}`)], { expected: 0 })
  let turn = 0
  let over = false
  const count = (): void => {
    turn++
    if (!over) setImmediate(count)
  }
  count()
  const seen: number[] = []
  await bus.publish(await store.readAll({ p: 0, seq: 0 }, 60))
  await bus.subscribe({ group: 'g', contexts: ['identity'], from: async () => 0, atOnce: () => 10, handle: async () => void seen.push(turn) })
  await until(() => seen.length === 6)
  over = true
  expect(new Set(seen).size).toBe(6)
})

test('a second opening of the same folder is refused with a remedy, in this process and in another', () => {
  open()
  const second = () => sqliteAdapters({ folder, clock: new ManualClock(), claimKey })
  expect(second).toThrow(StartError)
  expect(second).toThrow(/in use by another process/)
  const lock = `
    try { const db = new (require('node:sqlite').DatabaseSync)(${JSON.stringify(join(folder, 'lock.db'))}, { timeout: 0 }); db.exec('BEGIN EXCLUSIVE'); process.exit(0) }
    catch (error) { process.exit(error.errcode) }`
  expect(spawnSync(process.execPath, ['--no-warnings', '-e', lock]).status).toBe(5)
})

test('a folder of a newer layout is refused, and left free', () => {
  writeFileSync(join(folder, 'format.json'), '{"layout": 99}')
  expect(open).toThrow(/newer version of Pavan \(layout 99/)
  writeFileSync(join(folder, 'format.json'), '{"layout": 1}')
  open()
})

test('a damaged layout file is not taken for an old one', () => {
  writeFileSync(join(folder, 'format.json'), '')
  expect(open).toThrow(StartError)
})

test('a folder that cannot be made is refused with a remedy', () => {
  writeFileSync(join(folder, 'file'), '')
  expect(() => sqliteAdapters({ folder: join(folder, 'file', 'data'), clock: new ManualClock(), claimKey })).toThrow(/cannot be written/)
})

const bytesOf = (path: string): Buffer[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))

test('after checkpoint and vacuum no byte of a removed row, a claim or a destroyed key is left', async () => {
  const notes = defineTable<{ text: string }>({ name: 'notes', version: 1, indexes: { byText: ['text'] }, durability: 'rebuildable' })
  const secret = 'unmistakable-8d1f'
  const wrapped = new TextEncoder().encode(`wrapped-${secret}`)
  const { store, rows, keys } = await open().portsFor('identity')
  await rows.open([notes])
  await rows.apply([{ op: 'put', table: notes, key: 'a', row: { text: secret } }])
  await keys.insert({ tenant: 'ten_a', subject: 'usr_1', wrapped, kek: 'k1' })
  await store.append(stream, [event('evt_1')], { expected: 0, claims: [{ take: { name: 'email', value: secret } }] })
  expect(bytesOf(folder).some((bytes) => bytes.includes(secret))).toBe(true)
  await rows.apply([{ op: 'remove', table: notes, key: 'a' }])
  await keys.destroy('ten_a', 'usr_1')
  await adapters?.checkpointAndVacuum()
  await adapters?.close()
  adapters = undefined
  expect(bytesOf(folder).some((bytes) => bytes.includes(secret))).toBe(false)
})

test('every file keeps a write-ahead log', async () => {
  await open().portsFor('identity')
  await adapters?.close()
  adapters = undefined
  for (const file of ['identity/store.db', 'identity/views.db', 'bus.db', 'keys.db']) {
    const db = new DatabaseSync(join(folder, file))
    expect(db.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'wal' })
    db.close()
  }
})

test('an index that is added to a table later covers the rows that are there', async () => {
  type Note = { tenant: string; text: string }
  const before = defineTable<Note>({ name: 'notes', version: 1, indexes: { byTenant: ['tenant'] }, durability: 'full' })
  const after = defineTable<Note>({ name: 'notes', version: 1, indexes: { byTenant: ['tenant'], byText: ['tenant', 'text'] }, durability: 'full' })
  const { rows } = await open().portsFor('identity')
  await rows.open([before])
  await rows.apply([{ op: 'put', table: before, key: 'a', row: { tenant: 't', text: 'x' } }])
  await adapters?.close()
  const again = await open().portsFor('identity')
  await again.rows.open([after])
  expect((await again.rows.find(after, { index: 'byText', where: { tenant: 't', text: 'x' }, limit: 5 })).items).toEqual([{ tenant: 't', text: 'x' }])
})
