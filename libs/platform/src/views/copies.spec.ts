/** Two copies of one service share its rows, and the bus hands the work to them in turn. */
import { accessTokenIssued, mailSent, sessionEnded, sessionStarted, subjectErased } from '@pavan/contracts'
import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters, type SqliteAdapters } from '@pavan/sqlite'
import type { Bus } from '../bus/bus.js'
import type { StoredEvent } from '../events/event-store.js'
import { mirror } from '../service/mirror.js'
import { Copier, notes, notesService, notesView, type NoteRow } from '../testing/notes-service.js'
import { ServiceUnderTest, user } from '../testing/service-under-test.js'
import { sharedAdapters } from '../testing/shared-adapters.js'
import { until } from '../testing/until.js'
import { keyOf } from './changes.js'
import { defineView, type Changes } from './define-view.js'
import { defineTable, type RowChange } from './rows.js'
import { ViewRunner } from './view-runner.js'

const ada = user('ten_a', 'usr_ada')
let adapters: SqliteAdapters
let copies: ServiceUnderTest[]
beforeEach(async () => {
  adapters = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) })
  const shared = sharedAdapters(adapters)
  copies = [await ServiceUnderTest.start(notesService, shared), await ServiceUnderTest.start(notesService, shared)]
})
afterEach(async () => {
  for (const copy of copies) await copy.close()
  await adapters.close()
  jest.restoreAllMocks()
})
const one = () => copies[0] as ServiceUnderTest
const other = () => copies[1] as ServiceUnderTest
const write = (copy: ServiceUnderTest, title: string) => copy.call('POST', '/api/v1/notes', { as: ada, body: { title, text: 't' } })

test('a reader of any copy may wait for what it wrote by any other', async () => {
  for (let n = 0; n < 20; n++) {
    const { position, body } = await write(copies[n % 2] as ServiceUnderTest, `note ${n}`)
    const reader = copies[(n + 1) % 2] as ServiceUnderTest
    await reader.core.views.waitFor(position)
    expect((await reader.call('GET', `/api/v1/notes/${body.id}`, { as: ada })).status).toBe(200)
  }
})

test('a reader of another copy does not wait until a position that concerns no view is stored', async () => {
  // Long after the start, such positions are stored so seldom that whoever waited for it would give up.
  const now = performance.now.bind(performance)
  jest.spyOn(performance, 'now').mockImplementation(() => now() + 3_600_000)
  await write(one(), 'the first')
  for (let n = 0; n < 4; n++) {
    const stream = { tenant: 'ten_a', category: 'subject', id: `usr_${n}` }
    const position = await copies[n % 2]!.append('notes', stream, [subjectErased.of({ data: { user: `usr_${n}`, erasure: `era_${n}` } })])
    for (const copy of copies) await copy.core.views.waitFor(position as never)
  }
})

test('the caches of every copy are told of every change, before whoever waits for it goes on', async () => {
  const told = copies.map((copy) => {
    const keys = new Set<string>()
    copy.core.views.watch(notesView.name, {
      changed: (changes) => {
        for (const change of changes as readonly RowChange<NoteRow>[]) if ('key' in change) keys.add(change.key)
      },
      outdated: () => {},
    })
    return keys
  })
  for (let n = 0; n < 20; n++) {
    const { position, body } = await write(one(), `note ${n}`)
    for (const [at, copy] of copies.entries()) {
      await copy.core.views.waitFor(position)
      expect(told[at]).toContain(`ten_a/${body.id}`)
    }
  }
})

/** No copy applies what comes to the first generation of the notes; who follows waits for it. */
const holdUpNotes = async () => {
  const { handle } = ViewRunner.prototype
  jest.spyOn(ViewRunner.prototype, 'handle').mockImplementation(function (this: ViewRunner, batch) {
    return this.name === 'view:notes@1000' ? Promise.reject(new Error('held up')) : handle.call(this, batch)
  })
  const waits = jest.spyOn(ViewRunner.prototype, 'doneElsewhere')
  for (const copy of copies) copy.core.views.watch(notesView.name, { changed: () => {}, outdated: () => {} })
  const written = await write(one(), 'held up')
  await until(() => waits.mock.calls.length >= copies.length, 'both copies to wait')
  return written
}

test('a copy ends although an event has come that its views have not done', async () => {
  await holdUpNotes()
  for (const copy of copies.splice(0)) await copy.close()
})

test('a copy goes on hearing when a view was built anew, and the one before has not done everything', async () => {
  const mirrors = await Promise.all(
    copies.map(async ({ core }) => {
      const keys = new Set<string>()
      await mirror<NoteRow>(
        core,
        { view: notesView.name, table: notes, index: 'byAuthor', keyOf: ({ tenant, id }) => keyOf(tenant, id) },
        (key, row) => row && keys.add(key),
      )
      return keys
    }),
  )
  const { body } = await holdUpNotes()
  await one().core.views.rebuild(notesView.name)
  await other().core.views.align()
  for (const keys of mirrors) await until(() => keys.has(`ten_a/${body.id}`), 'what only the new one did')
  for (const [n, copy] of copies.entries()) await copy.core.views.waitFor((await write(copy, `after it ${n}`)).position as never)
})

test('a cache is told of an event when the view that took over meanwhile has done it', async () => {
  await one().core.views.rebuild(notesView.name)
  const { handle, open } = ViewRunner.prototype
  const late = new Set<ViewRunner>()
  let held = true
  jest.spyOn(ViewRunner.prototype, 'open').mockImplementation(function (this: ViewRunner) {
    late.add(this)
    return open.call(this)
  })
  jest.spyOn(ViewRunner.prototype, 'handle').mockImplementation(function (this: ViewRunner, batch) {
    return this.view.name === notesView.name && (held || late.has(this)) ? Promise.reject(new Error('held up')) : handle.call(this, batch)
  })
  const waits = jest.spyOn(ViewRunner.prototype, 'doneElsewhere')
  const seen: Promise<NoteRow | undefined>[] = []
  const key = (id: string) => keyOf('ten_a', id)
  const changed = (changes: Changes) => {
    for (const change of changes) if ('key' in change) seen.push(other().core.rows.get(notes, change.key))
  }
  other().core.views.watch(notesView.name, { changed, outdated: () => {} })
  const { position, body } = await write(one(), 'held up')
  await until(() => waits.mock.calls.length > 0, 'the other copy to wait for the former view')
  await other().core.views.align()
  held = false
  await other().core.views.waitFor(position)
  expect(await other().core.rows.get(notes, key(body.id))).toBeDefined()
  expect(await seen.at(-1)).toMatchObject({ id: body.id })
})

test('each event is applied once, whichever copy gets it', async () => {
  const calls: string[] = []
  for (const copy of copies) copy.host.get(Copier).run = async (event) => void calls.push(event.data.title)
  const titles = Array.from({ length: 30 }, (_, n) => `note ${n}`)
  for (const [n, title] of titles.entries()) await write(copies[n % 2] as ServiceUnderTest, title)
  await until(() => calls.length >= titles.length, 'the reaction to every note')
  expect(calls).toEqual(titles)
})

test('what one copy parks another one retries, and the stream goes on in both', async () => {
  let failing = true
  const calls: string[] = []
  for (const copy of copies)
    copy.host.get(Copier).run = async (event) => {
      if (failing) throw new Error('the mail server is away')
      calls.push(event.data.title)
    }
  await write(one(), 'parked')
  const parked = (copy: ServiceUnderTest) => copy.core.reaction('copy-notes')?.status().parked ?? []
  await until(() => copies.some((copy) => parked(copy).length > 0), 'the stream to be parked')
  const holder = copies.find((copy) => parked(copy).length > 0) as ServiceUnderTest
  const helper = holder === one() ? other() : one()
  failing = false
  const { stream } = parked(holder)[0] as { stream: string }
  const outcomes = await Promise.all([helper.core.reaction('copy-notes')?.retry(stream), holder.core.reaction('copy-notes')?.retry(stream)])
  expect(outcomes).toEqual([true, true])
  await write(one(), 'after it')
  await until(() => calls.includes('after it'), 'the next note')
  expect(copies.flatMap(parked)).toEqual([])
})

test('a cache forgets what another copy changes when it gets a parked event through', async () => {
  // It is protected, and each runner takes its handlers when it is made.
  const prototype = ViewRunner.prototype as unknown as { process(...given: unknown[]): unknown }
  const { process } = prototype
  let failing = true
  jest.spyOn(prototype, 'process').mockImplementation(function (this: unknown, ...given) {
    if (failing && (this as ViewRunner).view.name === notesView.name) throw new TypeError('a view that cannot take it')
    return process.apply(this, given)
  })
  const { position, body } = await write(one(), 'parked')
  for (const copy of copies) await copy.core.views.waitFor(position)
  const outdated = copies.map((copy) => {
    const told = jest.fn()
    copy.core.views.watch(notesView.name, { changed: () => {}, outdated: told })
    return told
  })
  const align = () => Promise.all(copies.map((copy) => copy.core.views.align()))
  await align()
  const { stream } = copies.flatMap((copy) => copy.core.views.status().flatMap(({ parked }) => parked))[0] as { stream: string }
  expect(await one().core.views.retry(notesView.name, stream)).toBe(false)
  await align()
  for (const told of outdated) expect(told).not.toHaveBeenCalled()
  failing = false
  expect(await one().core.views.retry(notesView.name, stream)).toBe(true)
  await align()
  expect(outdated[1]).toHaveBeenCalledTimes(1)
  expect((await other().call('GET', `/api/v1/notes/${body.id}`, { as: ada })).status).toBe(200)
  await align()
  expect(outdated[1]).toHaveBeenCalledTimes(1)
})

test('a destroyed key leaves the memory of every copy', async () => {
  const sealed = await one().core.keys.seal('ten_a', 'usr_ada', 'place', 'value')
  for (const copy of copies) expect(await copy.core.keys.open('ten_a', 'usr_ada', 'place', sealed)).toBe('value')
  const { keys } = await adapters.portsFor('notes')
  await keys.destroy('ten_a', 'usr_ada')
  await one().append('profiles', { tenant: 'ten_a', category: 'subject', id: 'usr_ada' }, [subjectErased.of({ data: { user: 'usr_ada', erasure: 'era_1' } })])
  for (const copy of copies) await until(async () => (await copy.core.keys.open('ten_a', 'usr_ada', 'place', sealed)) === undefined, 'the key to be forgotten')
})

test('a copy that only listens hears at once what somebody may wait for, or what it depends on itself', async () => {
  const { bus } = await adapters.portsFor('notes')
  const subscribe = jest.spyOn(bus as Bus, 'subscribe')
  const tables = [defineTable<{ readonly user: string }>({ name: 'sessions', version: 1, durability: 'rebuildable', indexes: {} })]
  const sessions = defineView({ name: 'sessions', version: 1, tables, on: [{ type: sessionStarted, contexts: ['identity'], handle: () => [] }] })
  const copy = await ServiceUnderTest.start({ ...notesService, views: [notesView, sessions] }, sharedAdapters(adapters))
  copies.push(copy)
  copy.core.views.hears(mailSent, () => {})
  const follower = subscribe.mock.calls.map(([subscription]) => subscription).find(({ group }) => group.startsWith('notes/copy:'))
  const matters = (type: string) => follower?.concerns?.({ type } as StoredEvent)
  expect([sessionEnded.type, 'of.a.newer.version', sessionStarted.type, mailSent.type, accessTokenIssued.type].map(matters)).toEqual([
    true,
    true,
    true,
    true,
    false,
  ])
})
