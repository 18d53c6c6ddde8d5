import { roleAssigned, tenantCreated } from '@pavan/contracts'
import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import { Copier, Notes, notesService } from '../testing/notes-service.js'
import { ServiceUnderTest, user } from '../testing/service-under-test.js'
import { until } from '../testing/until.js'
import type { ReactionCommand } from './define-reaction.js'

const admin = user('ten_a', 'usr_admin')
let service: ServiceUnderTest
let copier: Copier
/** What the reaction was called with, in order. */
let calls: { title: string; command: ReactionCommand }[]
beforeEach(async () => {
  service = await ServiceUnderTest.start(notesService, sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) }))
  copier = service.host.get(Copier)
  calls = []
  // An operator counts in the first tenant only.
  await service.tell('admin', { tenant: 'ten_a', category: 'tenant', id: 'ten_a' }, tenantCreated.of({ data: { slug: 'main', name: 'Main' } }))
  for (const role of ['administrator', 'operator']) {
    await service.tell(
      'authorization',
      { tenant: 'ten_a', category: 'assignment', id: `usr_admin~${role}` },
      roleAssigned.of({ data: { assignee: 'usr_admin', role } }),
    )
  }
})
afterEach(async () => {
  jest.useRealTimers()
  await service.close()
})

const failing = (when: (title: string) => boolean) => {
  copier.run = async (event, command) => {
    calls.push({ title: event.data.title, command })
    if (when(event.data.title)) throw new Error('the mail server is away')
  }
}
const write = async (title: string) => (await service.call('POST', '/api/v1/notes', { as: admin, body: { title, text: 't' } })).body.id as string
const titles = () => calls.map(({ title }) => title)
const list = async () =>
  (await service.call('GET', '/api/v1/system/notes/views', { as: admin })).body.items.find((one: { name: string }) => one.name === 'reaction:copy-notes')
const parked = async () => (await list()).parked as { stream: string; type: string; error: string; waiting: number }[]
/** Both the name of the reaction and the name in the list will do. */
const operate = (what: 'retry' | 'skip', body: object) =>
  service.call('POST', `/api/v1/system/notes/views/${what === 'retry' ? '' : 'reaction:'}copy-notes/${what}`, { as: admin, body })

describe('a reaction', () => {
  it('that fails for a moment is tried again under the same command id, and nothing is parked', async () => {
    let left = 3
    failing(() => left-- > 0)
    await write('passing')
    await until(() => calls.length === 4, 'the fourth try')
    await until(async () => (await list()).pending === 0, 'the end of the event')
    expect(new Set(calls.map(({ command }) => command.commandId)).size).toBe(1)
    expect(calls[0]?.command.meta).toMatchObject({
      actor: { type: 'system', id: 'copy-notes' },
      reason: 'note.written',
      commandId: calls[0]?.command.commandId,
    })
    expect(await parked()).toEqual([])
  })

  it('waits longer from try to try', async () => {
    const at: number[] = []
    copier.run = async () => {
      at.push(performance.now())
      if (at.length < 4) throw new Error('away')
    }
    await write('back-off')
    await until(() => at.length === 4, 'the fourth try')
    const gaps = at.slice(1).map((time, n) => time - (at[n] as number))
    // Lower bounds only: a busy machine makes them longer, never shorter.
    expect(gaps[0]).toBeGreaterThanOrEqual(19)
    expect(gaps[1]).toBeGreaterThanOrEqual(99)
    expect(gaps[2]).toBeGreaterThanOrEqual(499)
  })

  it('that goes on failing sets its stream aside, and the others go on', async () => {
    failing((title) => title === 'bad')
    const bad = await write('bad')
    await write('good')
    await until(() => titles().includes('good'), 'the other stream')
    expect(titles()).toEqual(['bad', 'bad', 'bad', 'bad', 'good'])
    expect(await parked()).toMatchObject([{ stream: `notes/ten_a/note/${bad}`, type: 'note.written', error: 'Error: the mail server is away', waiting: 1 }])
    expect((await list()).lastError).toContain('the mail server is away')
    expect((await service.host.status()).consumers.some(({ parked: one }: any) => one.length > 0)).toBe(true)
  })

  it('is tried again by the operator: first in vain, then with success', async () => {
    let broken = true
    failing((title) => broken && title === 'bad')
    const id = await write('bad')
    await until(async () => (await parked()).length === 1, 'the stream to be parked')
    const stream = (await parked())[0]!.stream
    expect(stream).toContain(id)
    expect(await operate('retry', { stream })).toMatchObject({ status: 200, body: { through: false } })
    expect(await parked()).toHaveLength(1)
    broken = false
    expect(await operate('retry', { stream })).toMatchObject({ status: 200, body: { through: true } })
    expect(await parked()).toEqual([])
    expect(new Set(calls.map(({ command }) => command.commandId)).size).toBe(1)
    const before = calls.length
    await write('after')
    await until(() => calls.length > before, 'the next note')
  })

  it('can be given up by the operator with a reason', async () => {
    failing((title) => title === 'bad')
    await write('bad')
    await until(async () => (await parked()).length === 1, 'the stream to be parked')
    const stream = (await parked())[0]!.stream
    expect((await operate('skip', { stream })).status).toBe(400)
    expect(await operate('skip', { stream, reason: 'ticket 4711' })).toMatchObject({ status: 200, body: { through: true } })
    expect(await parked()).toEqual([])
  })

  it('comes round again by itself', async () => {
    let broken = true
    failing(() => broken)
    jest.useFakeTimers({
      doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'setInterval', 'clearInterval', 'queueMicrotask', 'performance', 'Date', 'hrtime'],
    })
    const turn = async (condition: () => boolean | Promise<boolean>) => {
      for (let turns = 0; !(await condition()); turns++) {
        if (turns > 5_000) throw new Error('it did not happen')
        await jest.advanceTimersByTimeAsync(50)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await write('bad')
    await turn(async () => (await parked()).length === 1)
    expect(calls).toHaveLength(4)
    broken = false
    await turn(async () => (await parked()).length === 0)
    expect(calls).toHaveLength(5)
  })

  it('is nobody else’s to operate', async () => {
    const stranger = user('ten_a', 'usr_stranger')
    for (const what of ['retry', 'skip']) {
      const answer = await service.call('POST', `/api/v1/system/notes/views/copy-notes/${what}`, { as: stranger, body: { stream: 'a/b/c', reason: 'because' } })
      expect(answer.status).toBe(403)
    }
    expect((await service.call('POST', '/api/v1/system/notes/views/nothing/retry', { as: admin, body: { stream: 'notes/ten_a/note/x' } })).status).toBe(400)
  })

  it('sees every event once when nothing fails, and its stream is what the aggregate wrote', async () => {
    failing(() => false)
    for (let n = 0; n < 10; n++) await write(`note ${n}`)
    await until(() => calls.length === 10, 'ten notes')
    expect(titles()).toEqual(Array.from({ length: 10 }, (_, n) => `note ${n}`))
    expect(service.host.get(Notes).runs).toBe(10)
  })
})

it('goes on after a restart: what was parked is still parked, and is not done again by itself at once', async () => {
  const { mkdtempSync, rmSync } = await import('node:fs')
  const { tmpdir } = await import('node:os')
  const { join } = await import('node:path')
  const folder = mkdtempSync(join(tmpdir(), 'pavan-reaction-'))
  const open = () => ServiceUnderTest.start(notesService, sqliteAdapters({ folder, clock: new SystemClock(), claimKey: new Uint8Array(32) }))
  try {
    const first = await open()
    let calledFirst = 0
    first.host.get(Copier).run = async () => {
      calledFirst++
      throw new Error('away')
    }
    await first.call('POST', '/api/v1/notes', { as: admin, body: { title: 'kept', text: 't' } })
    await until(() => first.core.reaction('copy-notes')!.status().parked.length === 1, 'the stream to be parked')
    await first.close()
    const second = await open()
    const {
      parked: [one],
    } = second.core.reaction('copy-notes')!.status()
    expect(one).toMatchObject({ type: 'note.written', waiting: 1, error: 'Error: away' })
    expect(calledFirst).toBe(4)
    let done = 0
    second.host.get(Copier).run = async () => done++
    expect(await second.core.reaction('copy-notes')!.retry(one!.stream)).toBe(true)
    expect(done).toBe(1)
    await second.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
