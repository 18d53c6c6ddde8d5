/** Views are built anew beside the live ones, and no read fails or goes back meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import type { ServiceDefinition } from '../service/define-service.js'
import { notesService, notesView, type NoteRow } from '../testing/notes-service.js'
import { ServiceUnderTest, user } from '../testing/service-under-test.js'
import { until } from '../testing/until.js'
import type { EventHandler, ViewDefinition, ViewHandler } from './define-view.js'
import { ViewRunner } from './view-runner.js'

const ada = user('ten_a', 'usr_ada')
const folder = mkdtempSync(join(tmpdir(), 'pavan-views-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let service: ServiceUnderTest
afterEach(() => service.close())
const start = async (place: string, definition: ServiceDefinition = notesService) => {
  service = await ServiceUnderTest.start(definition, sqliteAdapters({ folder: place, clock: new SystemClock(), claimKey: new Uint8Array(32) }))
}
const write = async (title: string) => (await service.call('POST', '/api/v1/notes', { as: ada, body: { title, text: `about ${title}` } })).body.id as string
const read = async (id: string) => (await service.call<NoteRow>('GET', `/api/v1/notes/${id}`, { as: ada })).body
const status = () => service.core.views.status().find(({ view }) => view === 'notes')

/** The view with another version, whose rows differ; it waits before each event for as long as `gate` does. */
const loud = (gate: Promise<void>): ViewDefinition => ({
  ...notesView,
  version: 2,
  on: notesView.on.map((handler: EventHandler<ViewHandler>) => ({
    ...handler,
    handle: async (event, current) => {
      await gate
      const data = event.data as { title: string }
      return handler.handle({ ...event, data: { ...data, title: data.title.toUpperCase() } } as never, current)
    },
  })),
})

test('a version that rose is built beside the old one, which answers until the new one has caught up', async () => {
  const place = join(folder, 'version')
  await start(place)
  const ids = [await write('one'), await write('two')]
  await until(async () => (await read(ids[1] as string)).title === 'two')
  await service.close()

  let open = () => {}
  const gate = new Promise<void>((resolve) => (open = resolve))
  await start(place, { ...notesService, views: [loud(gate)] })
  expect(status()).toMatchObject({ version: 2, building: true })
  expect(await Promise.all(ids.map(read))).toMatchObject([{ title: 'one' }, { title: 'two' }])
  open()
  await until(() => status()?.building === false, 'the new version')
  expect(await Promise.all(ids.map(read))).toMatchObject([
    { title: 'ONE', personal: { text: 'about one' } },
    { title: 'TWO', personal: { text: 'about two' } },
  ])
  // The next start finds the new version at once.
  await service.close()
  await start(place, { ...notesService, views: [loud(Promise.resolve())] })
  expect(status()).toMatchObject({ version: 2, building: false })
  expect(await read(ids[0] as string)).toMatchObject({ title: 'ONE' })
})

test('a view takes little at once while it is built, and everything when readers have it', async () => {
  await start(':memory:')
  const id = await write('one')
  await until(async () => (await read(id)).title === 'one')
  const atOnce: number[] = []
  const handle = jest.spyOn(ViewRunner.prototype, 'handle').mockImplementation(async function (this: ViewRunner, batch) {
    atOnce.push(this.atOnce())
    handle.mockRestore()
    return this.handle(batch)
  })
  await service.core.views.rebuild('notes')
  const later = jest.spyOn(ViewRunner.prototype, 'handle')
  const second = await write('two')
  await until(async () => (await read(second)).title === 'two')
  expect(atOnce).toEqual([4])
  expect(later.mock.contexts.filter(({ view }) => view.name === 'notes').map((runner) => runner.atOnce())).toContain(Infinity)
  later.mockRestore()
})

test('while a view is rebuilt every read finds what was written, and writes go on', async () => {
  await start(':memory:')
  const ids: string[] = []
  for (let i = 0; i < 200; i++) ids.push(await write(`note ${i}`))
  await until(async () => (await read(ids.at(-1) as string)).title !== undefined)
  let rebuilding = true
  const wrong: unknown[] = []
  const reader = async (): Promise<void> => {
    for (let i = 0; rebuilding; i++) {
      const id = ids[i % 200] as string
      const answer = await service.call<NoteRow>('GET', `/api/v1/notes/${id}`, { as: ada })
      if (answer.status !== 200 || answer.body.title !== `note ${i % 200}`) wrong.push([id, answer.status, answer.body])
    }
  }
  const generation = status()?.name
  const readers = [reader(), reader()]
  const rebuilt = service.core.views.rebuild('notes')
  for (let i = 200; i < 220; i++) ids.push(await write(`note ${i}`))
  await rebuilt
  rebuilding = false
  await Promise.all(readers)
  expect(wrong).toEqual([])
  expect(status()?.name).not.toBe(generation)
  await until(async () => (await read(ids.at(-1) as string)).title === 'note 219', 'the last note')
  expect((await Promise.all(ids.map(read))).map(({ title }) => title)).toEqual(ids.map((_, i) => `note ${i}`))
})

test('a reader that sends the position of a change sees it, however far the view is behind', async () => {
  let open = () => {}
  const gate = new Promise<void>((resolve) => (open = resolve))
  await start(':memory:', { ...notesService, views: [loud(gate)] })
  const written = await service.call('POST', '/api/v1/notes', { as: ada, body: { title: 'late', text: 't' } })
  const path = `/api/v1/notes/${written.body.id}`
  expect((await service.call('GET', path, { as: ada })).status).toBe(404)
  const waiting = service.call('GET', path, { as: ada, headers: { 'pavan-wait-for': written.position } })
  open()
  expect(await waiting).toMatchObject({ status: 200, body: { title: 'LATE' } })
})

test('ready asks for the ends of all contexts before it waits: what comes meanwhile is not waited for', async () => {
  let open = () => {}
  const gate = new Promise<void>((resolve) => (open = resolve))
  const { on, ...view } = loud(gate)
  const ofTwo: ViewDefinition = { ...view, on: on.map((handler) => ({ ...handler, contexts: ['notes', 'elsewhere'] })) }
  await start(':memory:', { ...notesService, views: [ofTwo] })
  await write('one')
  const heads = jest.spyOn(service.core.transport, 'heads')
  let ready = false
  const waiting = service.core.views.ready().then(() => (ready = true))
  await until(() => heads.mock.calls.some(([context]) => context === 'elsewhere'), 'the other context')
  expect(ready).toBe(false)
  open()
  await waiting
})
