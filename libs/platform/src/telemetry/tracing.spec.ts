import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import type { Bus } from '../bus/bus.js'
import { Relay } from '../events/relay.js'
import type { ServiceDefinition } from '../service/define-service.js'
import { Copier, notesService, notesView } from '../testing/notes-service.js'
import { ServiceUnderTest, user } from '../testing/service-under-test.js'
import { TraceCollector } from '../testing/trace-collector.js'
import { until } from '../testing/until.js'
import { makeLog } from './log.js'
import { startTracing } from './start-tracing.js'
import { readTraceConfig } from './trace-config.js'
import { TracedBus } from './traced-ports.js'
import { traceField, tracing } from './tracing.js'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const sent = `00-${traceId}-00f067aa0ba902b7-01`
const ada = user('ten_a', 'usr_ada')
const before = { ...process.env }
const logged: string[] = []
const log = makeLog({ format: 'json', destination: { write: (line: string) => void logged.push(line) } })

/** Runs a service on memory, traced into a collector; what was traced is complete when it resolves. */
const traced = async (
  env: Record<string, string>,
  work: (service: ServiceUnderTest) => Promise<void>,
  definition: ServiceDefinition = notesService,
): Promise<TraceCollector> => {
  const collector = await TraceCollector.start()
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, ...env })
  const stop = await startTracing(process.env, { version: '9.9.9', log })
  const service = await ServiceUnderTest.start(
    definition,
    sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) }),
    {},
    log,
  )
  try {
    await work(service)
  } finally {
    await service.close()
    await stop?.()
  }
  return collector
}

const write = async (service: ServiceUnderTest, headers: Record<string, string> = {}) => {
  let copied = false
  service.host.get(Copier).run = async () => (copied = true)
  const made = await service.call('POST', '/api/v1/notes', { as: ada, headers, body: { title: 'Private title', text: 'Adas secret text' } })
  expect(made.status).toBe(201)
  await service.core.views.waitFor(made.position)
  await until(() => copied, 'the reaction')
  return made
}

let collector: TraceCollector | undefined
afterEach(async () => {
  await collector?.[Symbol.asyncDispose]()
  collector = undefined
  for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name]
  Object.assign(process.env, before)
})

test('one trace leads from the request over the append and the bus to the view and the reaction', async () => {
  collector = await traced({}, async (service) => {
    const made = await write(service, { traceparent: sent, 'user-agent': 'Adas browser' })
    expect(made.headers.get('traceparent')).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
  })
  const spans = collector.of(traceId)
  const named = (name: string, attribute?: string, value?: unknown) =>
    spans.find((span) => span.name === name && (!attribute || span.attributes[attribute] === value))!
  const server = named('POST /api/v1/notes')
  expect(server).toMatchObject({
    kind: 2,
    parentSpanId: '00f067aa0ba902b7',
    attributes: {
      'http.request.method': 'POST',
      'http.route': '/api/v1/notes',
      'http.response.status_code': 201,
      'pavan.service': 'notes',
      'pavan.tenant': 'ten_a',
      'url.scheme': 'http',
    },
  })
  const append = named('append note')
  expect(append).toMatchObject({ kind: 3, parentSpanId: server.spanId, attributes: { 'db.operation.name': 'append', 'pavan.event.types': ['note.written'] } })
  expect(named('publish notes')).toMatchObject({
    kind: 4,
    parentSpanId: append.spanId,
    attributes: { 'messaging.operation.type': 'send', 'messaging.destination.name': 'notes' },
  })
  expect(named('apply notes', 'pavan.view', 'notes')).toMatchObject({
    kind: 5,
    parentSpanId: append.spanId,
    attributes: { 'messaging.operation.type': 'process' },
  })
  expect(named('react notes')).toMatchObject({ kind: 5, parentSpanId: append.spanId, attributes: { 'pavan.reaction': 'copy-notes' } })
  expect(collector.resources[0]).toMatchObject({ 'service.name': 'pavan', 'service.version': '9.9.9', 'telemetry.sdk.language': 'nodejs' })
  expect(collector.bodies.join()).not.toMatch(/Adas|secret text|Private title|127\.0\.0\.1|user.agent/)
})

test('what a reaction does hangs below it, and carries on in the events that it writes', async () => {
  let meta: { traceparent?: string } = {}
  collector = await traced({}, async (service) => {
    const stream = { tenant: 'ten_a', category: 'note', id: 'n2' } as const
    let copied = false
    service.host.get(Copier).run = async (event, command) => {
      if (event.stream.id === 'n2') return
      const copier = service.core.aggregates.of(
        { category: 'note', initial: null, decide: (): any => [{ type: 'note.renamed', data: { title: 'x' } }], evolve: () => null },
        { events: [(await import('../testing/notes-service.js')).noteRenamed] },
      )
      await copier.handle({ tenant: 'ten_a', id: stream.id, meta: command.meta }, null)
      meta = (await service.core.store.read(stream))[0]!.meta
      copied = true
    }
    await service.call('POST', '/api/v1/notes', { as: ada, headers: { traceparent: sent }, body: { title: 'A', text: 'a' } })
    await until(() => copied, 'the copy')
  })
  const appends = collector.of(traceId).filter(({ name }) => name === 'append note')
  expect(appends).toHaveLength(2)
  const second = appends.find(({ spanId }) => spanId === meta.traceparent?.split('-')[2])!
  expect(collector.line(second).map(({ name }) => name)).toEqual(['append note', 'react notes', 'append note', 'POST /api/v1/notes'])
})

test('the trace goes on over a reaction that fails, the parking of its stream, and the retry that mends it', async () => {
  let tries = 0
  collector = await traced({}, async (service) => {
    service.host.get(Copier).run = async () => {
      tries++
      if (tries <= 4) throw new TypeError('cannot copy Adas secret text')
    }
    await service.call('POST', '/api/v1/notes', { as: ada, headers: { traceparent: sent }, body: { title: 'A', text: 'a' } })
    const reaction = service.core.reaction('copy-notes')!
    await until(() => reaction.status().parked.length === 1, 'the parked stream')
    await until(() => logged.some((line) => line.includes('its stream is parked') && JSON.parse(line).trace_id === traceId), 'the log line')
    expect(await reaction.retry(reaction.status().parked[0]!.stream)).toBe(true)
  })
  const append = collector.of(traceId).find(({ name }) => name === 'append note')!
  const reacts = collector.of(traceId).filter(({ name }) => name === 'react notes')
  expect(reacts.map(({ parentSpanId, status, attributes }) => [parentSpanId, status, attributes['error.type']])).toEqual([
    [append.spanId, 2, 'TypeError'],
    [append.spanId, 0, undefined],
  ])
  expect(collector.bodies.join()).not.toContain('secret text')
})

test('the trace goes on over a view that fails, the parking of its stream, and the retry that mends it', async () => {
  let broken = true
  const handlers = notesView.on.map((one) => ({
    ...one,
    handle: (...given: Parameters<typeof one.handle>) => {
      if (broken) throw new RangeError('cannot show Adas secret text')
      return one.handle(...given)
    },
  }))
  collector = await traced(
    {},
    async (service) => {
      await service.call('POST', '/api/v1/notes', { as: ada, headers: { traceparent: sent }, body: { title: 'A', text: 'a' } })
      const parked = () => service.core.views.status().find(({ view }) => view === 'notes')!.parked
      await until(() => parked().length === 1, 'the parked stream')
      const { stream } = parked()[0]!
      expect(await service.core.views.retry('notes', stream)).toBe(false)
      broken = false
      expect(await service.core.views.retry('notes', stream)).toBe(true)
    },
    { ...notesService, views: [{ ...notesView, on: handlers }] },
  )
  const append = collector.of(traceId).find(({ name }) => name === 'append note')!
  const applies = collector.of(traceId).filter((span) => span.name === 'apply notes' && span.attributes['pavan.view'] === 'notes')
  expect(applies.map(({ parentSpanId, status, attributes }) => [parentSpanId, status, attributes['error.type'], attributes['pavan.retry']])).toEqual([
    [append.spanId, 2, 'RangeError', undefined],
    [append.spanId, 2, 'RangeError', true],
    [append.spanId, 0, undefined, true],
  ])
  expect(collector.bodies.join()).not.toContain('secret text')
})

test('what is logged inside a span names its trace', async () => {
  collector = await traced({}, async (service) => {
    service.host.get(Copier).run = async () => log.info({ spec: 'inside' }, 'copying')
    await service.call('POST', '/api/v1/notes', { as: ada, headers: { traceparent: sent }, body: { title: 'A', text: 'a' } })
    await until(() => logged.some((line) => line.includes('copying')), 'the log line')
  })
  expect(logged.filter((line) => line.includes('copying')).map((line) => JSON.parse(line).trace_id)).toEqual([traceId])
  log.info({}, 'outside')
  expect(JSON.parse(logged.at(-1)!)).not.toHaveProperty('trace_id')
})

test('what a request wakes up and what goes on for others is not logged under its trace', async () => {
  collector = await traced({}, async (service) => {
    const { store, bus } = service.core.ports
    let wake = () => {}
    store.onAppend = (listener) => ((wake = listener), () => {})
    const relay = new Relay('notes', store, bus, log)
    await relay.start()
    const owned = store.owned.bind(store)
    store.owned = () => {
      store.owned = owned
      throw new Error('the store is away')
    }
    tracing.source!.start({ name: 'request', parent: sent }).run(() => wake())
    await until(() => logged.some((line) => line.includes('could not be published')), 'the log line')
    await relay.close()
  })
  expect(JSON.parse(logged.find((line) => line.includes('could not be published'))!)).not.toHaveProperty('trace_id')
})

test('a failure is marked with its type and without its text', async () => {
  collector = await traced({}, async (service) => {
    service.host.get((await import('../testing/notes-service.js')).Notes).accident = new TypeError('cannot read usr_ada@example.org')
    const answer = await service.call('POST', '/api/v1/notes', { as: ada, headers: { traceparent: sent }, body: { title: 'A', text: 'a' } })
    expect(answer).toMatchObject({ status: 500, body: { trace_id: traceId } })
  })
  const server = collector.of(traceId).find(({ kind }) => kind === 2)
  expect(server).toMatchObject({ status: 2, attributes: { 'error.type': '500', 'http.response.status_code': 500 } })
  expect(collector.bodies.join()).not.toContain('example.org')
})

test('health checks are not traced, and a request without a traceparent begins a trace of its own', async () => {
  let answered = ''
  collector = await traced({}, async (service) => {
    await service.call('GET', '/healthz')
    answered = (await service.call('GET', '/api/v1/notes/open/door')).headers.get('traceparent') ?? ''
  })
  const servers = collector.spans.filter(({ kind }) => kind === 2)
  expect(servers.map(({ name, traceId: id, spanId, parentSpanId }) => [name, `00-${id}-${spanId}-01`, parentSpanId])).toEqual([
    ['GET /api/v1/notes/open/door', answered, undefined],
  ])
})

test('what the caller does not sample is not exported, and a ratio of none keeps nothing', async () => {
  collector = await traced({}, async (service) => void (await write(service, { traceparent: sent.replace(/01$/, '00') })))
  expect(collector.of(traceId)).toEqual([])
  await collector[Symbol.asyncDispose]()
  collector = await traced({ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }, async (service) => void (await write(service)))
  expect(collector.spans).toEqual([])
})

test('the standard variables name the service, its attributes and the headers of the collector', async () => {
  collector = await traced(
    { OTEL_SERVICE_NAME: 'login', OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=blue', OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=k1' },
    async (service) => void (await write(service)),
  )
  expect(collector.resources[0]).toMatchObject({ 'service.name': 'login', 'deployment.environment.name': 'blue' })
  expect(collector.headers['x-api-key']).toBe('k1')
})

test.each<Record<string, string>>([{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }, { OTEL_EXPORTER_OTLP_ENDPOINT: '' }])(
  'is off with %j, and nothing is wrapped',
  async (env) => {
    collector = await traced(env, async (service) => {
      expect(tracing.source).toBeUndefined()
      expect((await write(service)).headers.get('traceparent')).toMatch(/-00$/)
    })
    expect(collector.bodies).toEqual([])
  },
)

test('a value that cannot be used is told by its name and does not stop the start', async () => {
  const { config, unusable } = readTraceConfig({
    OTEL_TRACES_SAMPLER: 'sometimes',
    OTEL_BSP_SCHEDULE_DELAY: '-1',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_BSP_MAX_QUEUE_SIZE: '9',
  })
  expect(unusable.toSorted()).toEqual(['OTEL_BSP_SCHEDULE_DELAY', 'OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_TRACES_SAMPLER'])
  expect(config).toMatchObject({ OTEL_TRACES_SAMPLER: 'parentbased_always_on', OTEL_BSP_SCHEDULE_DELAY: 5000, OTEL_BSP_MAX_QUEUE_SIZE: 9 })
  expect(await startTracing({ OTEL_TRACES_SAMPLER: 'sometimes' }, { version: '1', log })).toBeUndefined()
  expect(logged.join()).toContain('OTEL_TRACES_SAMPLER')
  expect(logged.join()).not.toContain('sometimes')
})

test('a collector that is away slows nobody down and loses no request', async () => {
  const gone = await TraceCollector.start()
  const endpoint = gone.endpoint
  await gone[Symbol.asyncDispose]()
  collector = await traced(
    { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: '200', OTEL_BSP_EXPORT_TIMEOUT: '300' },
    async (service) => void (await write(service)),
  )
  expect(collector.bodies).toEqual([])
})

test('a bus that is traced keeps its paces', () => {
  const bus = { pace: 25, unhurriedPace: 100 } as Bus
  expect(new TracedBus(bus)).toMatchObject({ pace: 25, unhurriedPace: 100 })
})

test('what a row has carried is done later in its trace, and without a trace in none', async () => {
  collector = await traced({}, async () => {
    const row = await tracing.during({ name: 'asked', parent: sent }, async () => tracing.carried())
    await tracing.during({ name: 'job' }, async () => {
      await tracing.later(row, { name: 'done later' }, async () => {})
      await tracing.later({}, { name: 'never' }, async () => expect(tracing.source?.current()).toBeUndefined())
    })
  })
  const later = collector.spans.find(({ name }) => name === 'done later')!
  expect(collector.line(later).map(({ name, traceId: id }) => [name, id])).toEqual([
    ['done later', traceId],
    ['asked', traceId],
  ])
  expect(collector.spans.some(({ name }) => name === 'never')).toBe(false)
  expect(traceField({ traceparent: sent })).toEqual({ trace_id: traceId })
  expect([traceField({}), tracing.carried()]).toEqual([{}, {}])
})
