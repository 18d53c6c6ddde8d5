/** A view whose version rises, while copies of the old and of the new code run on the same rows. */
import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters, type SqliteAdapters } from '@pavan/sqlite'
import { notes, notesService, notesView, type NoteRow } from '../testing/notes-service.js'
import { ServiceUnderTest, user } from '../testing/service-under-test.js'
import { sharedAdapters } from '../testing/shared-adapters.js'
import { until } from '../testing/until.js'
import { put, rowKey } from './changes.js'
import { viewVersions } from './generations.js'
import { physical } from './live-tables.js'

const ada = user('ten_a', 'usr_ada')
/** The new code writes titles in capitals. */
const newCode = {
  ...notesService,
  views: [
    {
      ...notesView,
      version: 2,
      on: notesView.on.map((one, at) =>
        at === 0
          ? {
              ...one,
              handle: (event: any) => [
                put(notes, rowKey(event), {
                  tenant: event.stream.tenant,
                  id: event.stream.id,
                  author: event.data.author,
                  title: event.data.title.toUpperCase(),
                  personal: event.personal,
                }),
              ],
            }
          : one,
      ),
    },
  ],
}
let adapters: SqliteAdapters
let running: ServiceUnderTest[]
beforeEach(() => {
  adapters = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) })
  running = []
})
afterEach(async () => {
  for (const copy of running) await copy.close()
  await adapters.close()
})
const start = async (definition = notesService): Promise<ServiceUnderTest> => {
  const copy = await ServiceUnderTest.start(definition, sharedAdapters(adapters))
  running.push(copy)
  return copy
}
const stop = async (copy: ServiceUnderTest) => {
  running = running.filter((one) => one !== copy)
  await copy.close()
}
const write = (copy: ServiceUnderTest, title: string) => copy.call('POST', '/api/v1/notes', { as: ada, body: { title, text: 't' } })
const read = async (copy: ServiceUnderTest, { position, body }: { position: string; body: { id: string } }) => {
  await copy.core.views.waitFor(position)
  return (await copy.call('GET', `/api/v1/notes/${body.id}`, { as: ada })).body.title as string
}
const built = (copy: ServiceUnderTest) => until(() => copy.core.views.status().every(({ building }) => !building), 'the view to be built')
/** Titles in the tables of a generation. */
const titles = async (generation: number) => {
  const table = physical(notes, generation)
  const { rows } = await adapters.portsFor('notes')
  await rows.open([table])
  return (await rows.find(table, { index: 'byAuthor', limit: 100 })).items.map((row: NoteRow) => row.title)
}

test('both versions are written and read side by side, and after a roll-back the old one goes on', async () => {
  const old = await start()
  const first = await write(old, 'first')
  const fresh = await start(newCode)
  await built(fresh)
  expect([await read(old, first), await read(fresh, first)]).toEqual(['first', 'FIRST'])
  const second = await write(fresh, 'second')
  expect([await read(old, second), await read(fresh, second)]).toEqual(['second', 'SECOND'])
  await stop(old)
  const third = await write(fresh, 'third')
  await read(fresh, third)
  await stop(fresh)
  const back = await start()
  expect([await read(back, first), await read(back, second), await read(back, third)]).toEqual(['first', 'second', 'third'])
})

test('no read fails while one copy builds a view again, and the other copy takes it over', async () => {
  const [one, other] = [await start(), await start()]
  const notes = []
  for (let n = 0; n < 50; n++) notes.push(await write(one, `note ${n}`))
  for (const note of notes) await read(other, note)
  let reading = true
  const failed: unknown[] = []
  const reader = (async () => {
    while (reading) for (const copy of [one, other]) if ((await read(copy, notes[7] as never)) !== 'note 7') failed.push(copy)
  })()
  await one.core.views.rebuild('notes')
  await other.core.views.align()
  reading = false
  await reader
  expect(failed).toEqual([])
  expect([await titles(1001), other.core.views.status().find(({ view }) => view === 'notes')?.name]).toEqual([expect.anything(), 'view:notes@1001'])
  expect((await titles(1001)).length).toBe(50)
})

test('tables that nobody reads go after their time, and not before', async () => {
  const [one, other] = [await start(), await start()]
  await read(other, await write(one, 'note'))
  await one.core.views.rebuild('notes')
  await other.core.views.align()
  expect(await titles(1000)).toEqual(['note'])
  await other.core.views.align(Date.now() + 61_000)
  expect(await titles(1000)).toEqual([])
  expect(await titles(1001)).toEqual(['note'])
})

test('a version that no copy has run for long is removed, and built from the first event when it comes back', async () => {
  const old = await start()
  const note = await write(old, 'note')
  await read(old, note)
  await stop(old)
  const fresh = await start(newCode)
  await built(fresh)
  await fresh.core.views.align(Date.now() + 599_000)
  expect(await titles(1000)).toEqual(['note'])
  await fresh.core.views.align(Date.now() + 601_000)
  expect(await titles(1000)).toEqual([])
  const back = await start()
  await built(back)
  expect(await read(back, note)).toBe('note')
})

test('copies say once a minute that a version is run', async () => {
  const [one, other] = [await start(), await start()]
  const usedAt = async () => {
    const { rows } = await adapters.portsFor('notes')
    return (await rows.find(viewVersions, { index: 'byView', where: { view: 'notes' }, limit: 10 })).items.map((row) => row.usedAt)
  }
  const [first] = (await usedAt()) as [number]
  await one.core.views.align()
  expect(await usedAt()).toEqual([first])
  jest.spyOn(Date, 'now').mockReturnValue(first + 60_000)
  try {
    await one.core.views.align()
    await other.core.views.align()
    expect(await usedAt()).toEqual([first + 60_000])
  } finally {
    jest.restoreAllMocks()
  }
})

test('alone, a copy keeps no tables but the newest; a roll-back begins anew', async () => {
  const alone = async (definition: typeof notesService) => {
    const copy = await ServiceUnderTest.start(definition, { ...adapters, close: async () => {} })
    running.push(copy)
    return copy
  }
  const old = await alone(notesService)
  const note = await write(old, 'note')
  await read(old, note)
  await stop(old)
  const fresh = await alone(newCode)
  await built(fresh)
  expect([await titles(1000), await titles(2000)]).toEqual([[], ['NOTE']])
  await stop(fresh)
  const back = await alone(notesService)
  await built(back)
  expect(await read(back, note)).toBe('note')
})
