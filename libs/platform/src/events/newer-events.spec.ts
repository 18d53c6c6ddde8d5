/** Newer code has written what this code does not know: another type, or another schema of a known one. */
import { tenantCreated } from '@pavan/contracts'
import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters, type SqliteAdapters } from '@pavan/sqlite'
import { parkedEvents, parkedKey } from '../bus/parked-events.js'
import { notesService } from '../testing/notes-service.js'
import { ServiceUnderTest } from '../testing/service-under-test.js'
import { until } from '../testing/until.js'
import { patch } from '../views/changes.js'
import { Relay } from './relay.js'
import type { StoredEvent } from './event-store.js'

let adapters: SqliteAdapters
let service: ServiceUnderTest
const start = () => ServiceUnderTest.start(notesService, { ...adapters, close: async () => {} })
beforeEach(async () => {
  adapters = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) })
  service = await start()
})
afterEach(async () => {
  await service.close()
  await adapters.close()
})

const stream = (id: string) => ({ tenant: id, category: 'tenant', id })
/** As a copy with newer code writes and publishes it. */
const written = async (type: string, schema: number, id: string): Promise<StoredEvent> => {
  const { store, bus } = await adapters.portsFor('admin')
  const event = {
    id: `evt_${id}`,
    type,
    schema,
    at: Date.now(),
    data: { slug: id.replace('_', '-'), name: id },
    meta: { actor: { type: 'system', id: 'newer' } as const },
  }
  await store.append(stream(id), [event], { expected: 0 })
  const relay = new Relay('admin', store, bus, service.core.log)
  await relay.start()
  await relay.close()
  return (await store.read(stream(id)))[0] as StoredEvent
}
const access = () => service.core.views.status().find(({ view }) => view === 'access')
const told = (id: string) => service.tell('admin', stream(id), tenantCreated.of({ data: { slug: id.replace('_', '-'), name: id } }))

it('a type that nobody here knows is passed over', async () => {
  const event = await written('tenant.teleported', 1, 'ten_far')
  await service.core.views.waitFor(`admin:0:${event.position.seq}`)
  expect(access()?.parked).toEqual([])
})

it('a newer schema of a known type parks its stream, not the others, and goes through where the code knows it', async () => {
  const event = await written('tenant.created', 2, 'ten_new')
  await told('ten_old')
  expect(access()?.parked).toMatchObject([{ type: 'tenant.created', error: 'NewerSchema: tenant.created has schema 2, which newer code writes' }])
  // The next code is the one that knows: here the event is made to be of the schema that this code knows.
  const row = JSON.stringify({ ...event, schema: 1 })
  await service.core.rows.apply([patch(parkedEvents, parkedKey(access()?.name as string, event), { event: row })])
  await service.close()
  service = await start()
  await until(() => access()?.parked.length === 0, 'the stream to go on')
})

it('a command on a stream that newer code has written is refused, to be tried again', async () => {
  await written('tenant.created', 2, 'ten_new')
  await expect(service.append('admin', stream('ten_new'), [tenantCreated.of({ data: { slug: 'x', name: 'x' } })])).rejects.toMatchObject({
    code: 'service.unavailable',
  })
})
