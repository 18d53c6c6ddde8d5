/** A service in a process of its own, without a gateway: health, readiness and metrics come from the platform. */
import { SystemClock, type DomainEvent } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import type { Bus } from '../bus/bus.js'
import { metrics } from '../telemetry/metrics.js'
import { readExposition, sumOf } from '../testing/exposition.js'
import { Copier, noteWritten, notesService } from '../testing/notes-service.js'
import { runAlone } from '../testing/run-alone.js'
import { until } from '../testing/until.js'
import { defineService } from './define-service.js'
import type { Running } from './run-services.js'
import { ServiceCore } from './service-core.js'
import type { Adapters, ServicePorts } from './adapters.js'

const embedded = () => sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) })

const ask = async (base: string, path: string) => {
  const response = await fetch(base.replace('localhost', '127.0.0.1') + path)
  const text = await response.text()
  return { status: response.status, text, json: () => JSON.parse(text) as any }
}

const standing = async (running: Running) => (await ask(running.baseUrl, '/readyz')).json().services[0]

/** Notes whose core and copier a spec can reach. */
const watched = () => {
  const reached: { core?: ServiceCore; copier?: Copier } = {}
  const service = defineService({
    ...notesService,
    inject: [ServiceCore, Copier],
    onReady: async (core: ServiceCore, copier: Copier) => void Object.assign(reached, { core, copier }),
  })
  return { service, reached: reached as Required<typeof reached> }
}

const write = (core: ServiceCore, id: string) =>
  core.aggregates
    .of({ category: 'note', initial: null, decide: (events: readonly DomainEvent[]) => events, evolve: () => null }, { events: [noteWritten] })
    .handle({ tenant: 'ten_a', id, meta: { actor: { type: 'system', id: 'spec' } } }, [
      noteWritten.of({ data: { title: id, author: 'usr_ada' }, personal: { text: 'x' }, secret: {} }),
    ])

test('a service alone answers for its health, says how far it is, and shows its metrics', async () => {
  const { service, reached } = watched()
  const running = await runAlone(service, embedded())
  try {
    expect((await ask(running.baseUrl, '/healthz')).json()).toEqual({ status: 'ok' })
    await write(reached.core, 'n1')
    const passed = async (name: string) => (await standing(running)).consumers.find((one: any) => one.name.startsWith(name)).positions['notes:0'] === 1
    await until(async () => (await passed('view:notes')) && (await passed('reaction:copy-notes')))
    const ready = await ask(running.baseUrl, '/readyz?verbose')
    expect(ready.status).toBe(200)
    expect(ready.json()).toMatchObject({
      status: 'ok',
      version: '9.9.9',
      missing: [],
      services: [{ service: 'notes', ready: true, version: '9.9.9', relay: { events: 0, seconds: 0 } }],
    })
    expect(ready.json().services[0].consumers.map(({ name, lag }: any) => [name, lag])).toContainEqual(['reaction:copy-notes', { events: 0, seconds: 0 }])
    const samples = readExposition((await ask(running.baseUrl, '/metrics')).text)
    expect(sumOf(samples, 'pavan_append_seconds_count', { service: 'notes' })).toBeGreaterThan(0)
    expect(sumOf(samples, 'pavan_consumer_delay_seconds_count', { service: 'notes', consumer: 'view:notes' })).toBeGreaterThan(0)
    expect(samples.filter(({ name }) => name === 'pavan_consumer_lag_events').map(({ labels }) => labels)).toContainEqual(
      expect.objectContaining({ service: 'notes', consumer: 'view:notes', context: 'notes', partition: '0' }),
    )
    expect(samples.filter(({ name }) => name === 'pavan_event_loop_delay_seconds').map(({ labels }) => labels.quantile)).toEqual(['0.5', '0.99', '1'])
    expect((await ask(running.baseUrl, '/readyz?service=notes')).json().services).toHaveLength(1)
    // Who asks for a service that is not here must not believe that it is well.
    expect((await ask(running.baseUrl, '/readyz?service=identity')).status).toBe(400)
    expect((await ask(running.baseUrl, '/elsewhere')).status).toBe(404)
  } finally {
    await running.close()
  }
})

test('while it starts it is alive and not ready, names what is missing, and is shut', async () => {
  const port = await freePort()
  const base = `http://127.0.0.1:${port}`
  let open = () => {}
  const held = new Promise<void>((resolve) => (open = resolve))
  let waits = false
  const running = runAlone({ ...notesService, onReady: () => ((waits = true), held) }, embedded(), port)
  try {
    await until(() => waits)
    expect((await ask(base, '/healthz')).status).toBe(200)
    const ready = await ask(base, '/readyz')
    expect([ready.status, ready.json().status, ready.json().missing]).toEqual([503, 'starting', ['notes']])
    expect((await ask(base, '/api/v1/notes/n1')).status).toBe(503)
  } finally {
    open()
    await (await running).close()
  }
})

test('while the bus refuses, events wait in the store: the relay says how many, since when and why, and catches up by itself', async () => {
  const { service, reached } = watched()
  const adapters = embedded()
  let refuses = false
  const away = (ports: ServicePorts): ServicePorts => {
    const publish = ports.bus.publish.bind(ports.bus)
    const bus: Bus = ports.bus
    bus.publish = (events) => (refuses ? Promise.reject(new TypeError('usr_ada@example.org')) : publish(events))
    return ports
  }
  const running = await runAlone(service, { ...bound(adapters), portsFor: async (name) => away(await adapters.portsFor(name)) })
  try {
    refuses = true
    for (const id of ['a', 'b', 'c']) await write(reached.core, id)
    await until(async () => (await reached.core.standing()).relay.events === 3)
    const { relay, lastError } = await standing(running)
    expect(relay).toMatchObject({ events: 3, lastError: 'events could not be published: TypeError' })
    expect(lastError).toBe(relay.lastError)
    expect(sumOf(readExposition((await ask(running.baseUrl, '/metrics')).text), 'pavan_relay_lag_events', { service: 'notes' })).toBe(3)
    refuses = false
    await until(async () => (await reached.core.standing()).relay.events === 0)
    expect((await reached.core.standing()).relay).toEqual({ events: 0, seconds: 0 })
  } finally {
    await running.close()
  }
})

test('a reaction that hangs is behind, and one that fails has parked its stream', async () => {
  const { service, reached } = watched()
  const running = await runAlone(service, embedded())
  try {
    let open = () => {}
    const held = new Promise<void>((resolve) => (open = resolve))
    reached.copier.run = () => held
    for (const id of ['a', 'b']) await write(reached.core, id)
    const reaction = async () => (await standing(running)).consumers.find(({ name }: any) => name === 'reaction:copy-notes')
    await until(async () => (await reaction()).lag.events === 2)
    reached.copier.run = () => Promise.reject(new TypeError('broken'))
    open()
    await until(async () => (await reaction()).parked.length > 0)
    const ready = await ask(running.baseUrl, '/readyz')
    expect([ready.status, ready.json().status]).toEqual([200, 'degraded'])
    const samples = readExposition((await ask(running.baseUrl, '/metrics')).text)
    expect(sumOf(samples, 'pavan_parked_streams', { service: 'notes', consumer: 'reaction:copy-notes' })).toBe(1)
  } finally {
    await running.close()
  }
})

test('a service that has ended reports nothing more', async () => {
  const { service } = watched()
  const running = await runAlone(service, embedded())
  await running.close()
  const other = await runAlone(defineService({ name: 'other', title: 'Other', routes: [] }), embedded())
  try {
    const samples = readExposition((await ask(other.baseUrl, '/metrics')).text)
    expect(samples.filter(({ name, labels }) => /lag|parked/.test(name) && labels.service === 'notes')).toEqual([])
    expect(metrics.catalogue().length).toBeGreaterThan(10)
  } finally {
    await other.close()
  }
})

const bound = (adapters: Adapters): Adapters => ({ name: adapters.name, portsFor: (service) => adapters.portsFor(service), close: () => adapters.close() })

const freePort = async (): Promise<number> => {
  const { createServer } = await import('node:net')
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
