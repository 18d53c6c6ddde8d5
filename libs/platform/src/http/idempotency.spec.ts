import { randomBytes } from 'node:crypto'
import { Clock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import { bareService, ServiceBench } from '../testing/service-bench.js'
import { Notes, notesService } from '../testing/notes-service.js'
import { until } from '../testing/until.js'
import { ManualClock } from '@pavan/kernel'
import type { CallerIdentity } from './caller.js'
import { leaseMillis } from './idempotency.js'

const clock = new ManualClock(Date.UTC(2026, 10, 24, 12))
const adapters = sqliteAdapters({ folder: ':memory:', clock: clock as Clock, claimKey: randomBytes(32) })
let bench: ServiceBench
let notes: Notes
beforeAll(async () => {
  bench = await ServiceBench.start([notesService, bareService('profiles')], { adapters, clock })
  notes = bench.host('notes').get(Notes)
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  await adapters.close()
})
beforeEach(() => {
  notes.runs = 0
  notes.gate = Promise.resolve()
  notes.accident = undefined
})

const person = (tenant: string, id: string): CallerIdentity => ({ tenant, subject: { type: 'user', id }, client: 'cli_1', session: 'ses_1', scopes: [] })
const ada = person('ten_a', 'usr_ada')
let last = 0
const newKey = () => `key-${++last}`
const title = () => `title ${++last}`
const write = (key: string | undefined, body: unknown, caller = ada) =>
  bench.call('notes', 'POST', '/api/v1/notes', { caller, body, headers: key === undefined ? {} : { 'idempotency-key': key } })
const count = async () => (await bench.host('notes').get(Notes)).runs

describe('a write with an Idempotency-Key', () => {
  it('is done once; sent again it gets the same answer, headers included, and says that it is a repetition', async () => {
    const [key, body] = [newKey(), { title: title(), text: 'x' }]
    const first = await write(key, body)
    const again = await write(key, body)
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null])
    expect([again.status, again.body, again.headers.get('idempotency-replayed')]).toEqual([201, first.body, 'true'])
    for (const name of ['location', 'etag', 'pavan-position']) {
      expect(first.headers.get(name)).toBeTruthy()
      expect(again.headers.get(name)).toBe(first.headers.get(name))
    }
    expect(await count()).toBe(1)
  })

  it('sent 20 times at once is done once; the others hear that it runs, or get its answer', async () => {
    const [key, body] = [newKey(), { title: title(), text: 'x' }]
    const answers = await Promise.all(Array.from({ length: 20 }, () => write(key, body)))
    expect(await count()).toBe(1)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(answers.some(({ status }) => status === 409) ? [201, 409] : [201]))
    expect(new Set(answers.filter(({ status }) => status === 201).map(({ body: { id } }) => id)).size).toBe(1)
    for (const { status, body: problem } of answers) if (status === 409) expect(problem.code).toBe('request.idempotency.in-progress')
  })

  it('that still runs is not begun a second time', async () => {
    const [key, body] = [newKey(), { title: title(), text: 'x' }]
    let open = () => {}
    notes.gate = new Promise((resolve) => (open = resolve))
    const running = write(key, body)
    await until(() => notes.runs === 1, 'the first request to run')
    expect(await write(key, body)).toMatchObject({ status: 409, body: { code: 'request.idempotency.in-progress' } })
    open()
    expect((await running).status).toBe(201)
    expect(await write(key, body)).toMatchObject({ status: 201 })
    expect(await count()).toBe(1)
  })

  it('is refused for another body, and the first answer stays', async () => {
    const [key, body] = [newKey(), { title: title(), text: 'x' }]
    const first = await write(key, body)
    expect(await write(key, { ...body, text: 'y' })).toMatchObject({ status: 422, body: { code: 'request.idempotency.mismatch' } })
    expect((await write(key, body)).body).toEqual(first.body)
  })

  it('means something else for another caller, another tenant and another operation', async () => {
    const key = newKey()
    const ids = []
    for (const caller of [ada, person('ten_a', 'usr_bob'), person('ten_b', 'usr_ada')]) {
      const answer = await write(key, { title: title(), text: 'x' }, caller)
      expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([201, null])
      ids.push(answer.body.id)
    }
    expect(new Set(ids).size).toBe(3)
    const renamed = await bench.call('notes', 'PUT', `/api/v1/notes/${ids[0]}`, {
      caller: ada,
      body: { title: title() },
      headers: { 'idempotency-key': key, 'if-match': '"1"' },
    })
    expect([renamed.status, renamed.headers.get('etag')]).toEqual([200, '"2"'])
  })

  it('is forgotten after 24 hours by the clock, and not before', async () => {
    const [key, body] = [newKey(), { title: title(), text: 'x' }]
    const first = await write(key, body)
    clock.advance(24 * 3_600_000 - 1)
    expect((await write(key, body)).body).toEqual(first.body)
    clock.advance(2)
    const late = await write(key, { title: title(), text: 'other' })
    expect([late.status, late.headers.get('idempotency-replayed')]).toEqual([201, null])
    expect(late.body.id).not.toBe(first.body.id)
  })

  it('that failed on its input leaves the key free', async () => {
    const key = newKey()
    expect((await write(key, { title: 7 })).status).toBe(400)
    expect((await write(key, { title: title(), text: 'x' })).status).toBe(201)
  })

  it('that broke after it had written goes on under the same ids, and writes nothing twice', async () => {
    const [key, body] = [newKey(), { title: title(), text: 'x' }]
    notes.accident = new Error('the process died')
    expect((await write(key, body)).status).toBe(500)
    notes.accident = undefined
    const again = await write(key, body)
    expect(again).toMatchObject({ status: 201, body: { version: 1, title: body.title } })
    expect(await count()).toBe(2)
    // The title is claimed once; a second note would have been refused.
    expect((await notes.aggregate.load('ten_a', again.body.id)).version).toBe(1)
    expect(await notes.aggregate.owner('ten_a', 'title', body.title)).toBe(again.body.id)
  })

  it('whose process died is taken over when its lease runs out, not before, by one of many', async () => {
    const [key, body] = [newKey(), { title: title(), text: 'x' }]
    let open = () => {}
    notes.gate = new Promise((resolve) => (open = resolve))
    const dead = write(key, body)
    await until(() => notes.runs === 1, 'the first request to run')
    clock.advance(leaseMillis - 1)
    expect((await write(key, body)).status).toBe(409)
    clock.advance(2)
    const rivals = Promise.all(Array.from({ length: 10 }, () => write(key, body)))
    await until(() => notes.runs === 2, 'one to take over')
    open()
    const answers = await rivals
    const done = answers.filter(({ status }) => status === 201)
    expect(done.length).toBeGreaterThanOrEqual(1)
    expect(await count()).toBe(2)
    expect(new Set([...done, await dead].map(({ body: { id } }) => id)).size).toBe(1)
  })

  it.each([
    ['a space', 'has space'],
    ['nothing', ''],
    ['more than 255 characters', 'k'.repeat(256)],
  ])('is refused when the key has %s', async (_, key) => {
    const answer = await write(key, { title: title(), text: 'x' })
    expect(answer).toMatchObject({ status: 400, body: { code: 'request.parameter.invalid', errors: [{ pointer: 'Idempotency-Key' }] } })
  })

  it('keeps its answer under the key of its caller', async () => {
    const [key, body] = [newKey(), { title: title(), text: 'very private' }]
    const eve = person('ten_a', 'usr_eve')
    expect((await write(key, body, eve)).status).toBe(201)
    const core = bench.host('notes').get((await import('../service/service-core.js')).ServiceCore as never) as {
      keys: { destroy(t: string, s: string): Promise<void> }
    }
    await core.keys.destroy('ten_a', 'usr_eve')
    expect(await write(key, body, eve)).toMatchObject({ status: 422, body: { code: 'request.idempotency.mismatch' } })
  })
})

it('without a key every write is done', async () => {
  expect([(await write(undefined, { title: title(), text: 'x' })).status, (await write(undefined, { title: title(), text: 'x' })).status]).toEqual([201, 201])
  expect(await count()).toBe(2)
})
