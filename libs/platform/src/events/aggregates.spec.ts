import { isRefusal, orThrow, SystemClock, type EventMeta } from '@pavan/kernel'
import { sqliteAdapters, type SqliteAdapters } from '@pavan/sqlite'
import { EventCipher } from '../privacy/event-cipher.js'
import { LocalKeyEncryptionKey } from '../privacy/kek.js'
import { KeyRing } from '../privacy/key-ring.js'
import type { ServicePorts } from '../service/adapters.js'
import { Ids } from '../service/ids.js'
import { note, noteRenamed, noteWritten, type NoteCommand } from '../testing/notes-service.js'
import { Aggregates } from './aggregates.js'

const clock = new SystemClock()
let adapters: SqliteAdapters
let ports: ServicePorts
let keys: KeyRing
let aggregates: Aggregates
beforeAll(async () => {
  adapters = sqliteAdapters({ folder: ':memory:', clock, claimKey: new Uint8Array(32) })
  ports = await adapters.portsFor('notes')
  keys = new KeyRing(ports.keys, new LocalKeyEncryptionKey(new Uint8Array(32).fill(3)))
  aggregates = new Aggregates('notes', ports.store, new EventCipher(keys), clock, new Ids(clock))
})
afterAll(() => adapters.close())

const types = [noteWritten, noteRenamed]
const notes = () => aggregates.of(note, { events: types, claimTaken: { title: 'notes.title.taken' } })
const meta = (commandId?: string): EventMeta => ({ actor: { type: 'user', id: 'usr_ada' }, ...(commandId === undefined ? {} : { commandId }) })
let last = 0
const fresh = (tenant = 'ten_a') => ({ tenant, id: `n${++last}`, meta: meta() })
const write = (title: string, text = 'text'): NoteCommand => ({ type: 'write', title, author: 'usr_ada', text })
const rename = (title: string): NoteCommand => ({ type: 'rename', title })
const stored = ({ tenant, id }: { tenant: string; id: string }) => ports.store.read({ tenant, category: 'note', id })

describe('a command', () => {
  it('is decided on the present state, and answers state, version and position', async () => {
    const at = fresh()
    const written = orThrow(await notes().handle(at, write('one')))
    expect(written).toMatchObject({ version: 1, repeated: false, state: { title: 'one', text: 'text', renames: 0 }, events: [{ type: 'note.written' }] })
    expect(written.position).toMatch(/^notes:0:\d+$/)
    const renamed = orThrow(await notes().handle(at, rename('one b')))
    expect(renamed).toMatchObject({ version: 2, state: { title: 'one b', text: 'text', renames: 1 } })
    expect(await notes().load('ten_a', at.id)).toEqual({ state: { title: 'one b', text: 'text', renames: 1 }, version: 2 })
    expect(await notes().load('ten_b', at.id)).toEqual({ state: { renames: 0 }, version: 0 })
  })

  it('that asks for what already is writes nothing and answers where that was written', async () => {
    const at = fresh()
    const written = orThrow(await notes().handle(at, write('two')))
    expect(orThrow(await notes().handle(at, rename('two')))).toEqual({
      state: written.state,
      version: 1,
      position: written.position,
      events: [],
      repeated: false,
    })
    expect(await stored(at)).toHaveLength(1)
  })

  it('that a rule refuses writes nothing', async () => {
    const at = fresh()
    expect(await notes().handle(at, rename('three'))).toMatchObject({ refused: true, code: 'notes.note.unknown' })
    expect(await stored(at)).toEqual([])
  })

  it('keeps personal values sealed in the store', async () => {
    const at = { ...fresh(), subject: 'usr_ada' }
    orThrow(await notes().handle(at, write('sealed', 'for nobody else')))
    expect(JSON.stringify(await stored(at))).not.toContain('for nobody else')
    expect((await notes().load('ten_a', at.id)).state.text).toBe('for nobody else')
  })
})

describe('commands at the same time', () => {
  it('are all applied, one after the other: who came second decides again', async () => {
    const at = fresh()
    orThrow(await notes().handle(at, write('race 0')))
    const outcomes = await Promise.all([1, 2, 3, 4].map((n) => notes().handle(at, rename(`race ${n}`))))
    expect(outcomes.filter(isRefusal)).toEqual([])
    expect(outcomes.map((one) => orThrow(one).version).toSorted()).toEqual([2, 3, 4, 5])
    expect((await notes().load('ten_a', at.id)).state.renames).toBe(4)
    expect((await stored(at)).map(({ version }) => version)).toEqual([1, 2, 3, 4, 5])
  })

  it('of which a rule allows one: one writes, the others are refused by the rule', async () => {
    const at = fresh()
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => notes().handle(at, write(`only ${n}`))))
    expect(outcomes.filter((one) => !isRefusal(one))).toHaveLength(1)
    for (const one of outcomes.filter(isRefusal)) expect(['notes.note.exists', 'request.conflict.busy']).toContain(one.code)
    expect(await stored(at)).toHaveLength(1)
  })

  it('are given up as busy after eight tries, instead of without end', async () => {
    const at = fresh()
    let tries = 0
    const rival = notes()
    // Each time that the decision is made, somebody else has already written: the store really refuses every try.
    const unlucky = aggregates.of({ ...note, decide: (command: NoteCommand, state) => (tries++, note.decide(command, state)) }, { events: types })
    orThrow(await rival.handle(at, write('busy')))
    const append = ports.store.append.bind(ports.store)
    let rivals = 0
    ports.store.append = async (stream, events, options) => {
      if (options.commandId === 'unlucky') orThrow(await rival.handle(at, rename(`busy ${++rivals}`)))
      return append(stream, events, options)
    }
    try {
      expect(await unlucky.handle({ ...at, meta: meta('unlucky') }, rename('mine'))).toMatchObject({ code: 'request.conflict.busy' })
    } finally {
      ports.store.append = append
    }
    expect([tries, rivals]).toEqual([8, 8])
    expect((await notes().load('ten_a', at.id)).state.title).toBe('busy 8')
  })
})

describe('with the version that the caller has seen', () => {
  it('another version is refused before anything is decided', async () => {
    const at = fresh()
    orThrow(await notes().handle(at, write('seen'), { expected: 0 }))
    for (const expected of [0, 2, 99]) expect(await notes().handle(at, rename('seen b'), { expected })).toMatchObject({ code: 'request.version.conflict' })
    expect(orThrow(await notes().handle(at, rename('seen b'), { expected: 1 })).version).toBe(2)
  })

  it('of 20 at once exactly one is applied', async () => {
    const at = fresh()
    orThrow(await notes().handle(at, write('twenty')))
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => notes().handle(at, rename(`twenty ${n}`), { expected: 1 })))
    expect(outcomes.filter((one) => !isRefusal(one))).toHaveLength(1)
    expect(new Set(outcomes.filter(isRefusal).map(({ code }) => code))).toEqual(new Set(['request.version.conflict']))
  })
})

describe('a command id', () => {
  it('is applied once, and answers its first position, also after others wrote and whatever version is expected', async () => {
    const at = fresh()
    orThrow(await notes().handle(at, write('id')))
    const first = orThrow(await notes().handle({ ...at, meta: meta('cmd_1') }, rename('id b')))
    orThrow(await notes().handle(at, rename('id c')))
    const again = orThrow(await notes().handle({ ...at, meta: meta('cmd_1') }, rename('id b'), { expected: 1 }))
    expect(again).toMatchObject({ repeated: true, events: [], position: first.position, version: 3, state: { title: 'id c' } })
    expect(await stored(at)).toHaveLength(3)
  })

  it('sent 20 times at once writes one commit, and nobody is refused', async () => {
    const at = fresh()
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => notes().handle({ ...at, meta: meta('cmd_20') }, write('twenty times'))))
    const handled = outcomes.map((one) => orThrow(one))
    expect(handled.filter(({ repeated }) => !repeated)).toHaveLength(1)
    expect(new Set(handled.map(({ position }) => position)).size).toBe(1)
    expect(new Set(handled.map(({ state }) => state.title))).toEqual(new Set(['twenty times']))
    expect(await stored(at)).toHaveLength(1)
  })

  it('means something else in another stream and in another tenant', async () => {
    for (const at of [fresh(), fresh(), fresh('ten_b')]) {
      expect(orThrow(await notes().handle({ ...at, meta: meta('cmd_same') }, write(`same ${at.id}`))).repeated).toBe(false)
    }
  })
})

describe('a claim', () => {
  it('that another stream of the tenant holds is refused by its code; another tenant may have it', async () => {
    const at = fresh()
    orThrow(await notes().handle(at, write('mine')))
    const second = fresh()
    expect(await notes().handle(second, write('mine'))).toMatchObject({ code: 'notes.title.taken' })
    expect(await stored(second)).toEqual([])
    orThrow(await notes().handle(fresh('ten_b'), write('mine')))
    expect(await notes().owner('ten_a', 'title', 'mine')).toBe(at.id)
  })

  it('that is given back can be taken', async () => {
    const at = fresh()
    orThrow(await notes().handle(at, write('given back')))
    orThrow(await notes().handle(at, rename('other title')))
    const next = fresh()
    orThrow(await notes().handle(next, write('given back')))
    expect(await notes().owner('ten_a', 'title', 'given back')).toBe(next.id)
  })

  it('of 20 streams at once one gets it', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => notes().handle(fresh(), write('wanted by all'))))
    expect(outcomes.filter((one) => !isRefusal(one))).toHaveLength(1)
    expect(new Set(outcomes.filter(isRefusal).map(({ code }) => code))).toEqual(new Set(['notes.title.taken']))
  })

  it('without a code is an accident, not a silent success', async () => {
    orThrow(await notes().handle(fresh(), write('no code')))
    await expect(aggregates.of(note, { events: types }).handle(fresh(), write('no code'))).rejects.toThrow('the title is taken')
  })
})

describe('facts that are only appended', () => {
  const fact = (title: string) => noteWritten.of({ data: { title, author: 'usr_ada' }, personal: { text: 't' }, secret: {} })

  it('are appended as unhurried where all their types are', async () => {
    const appending = jest.spyOn(ports.store, 'append')
    try {
      const calm: typeof noteRenamed = { ...noteRenamed, unhurried: true }
      const some = aggregates.of(note, { events: [noteWritten, calm] })
      await some.append(fresh(), [noteRenamed.of({ data: { title: 'calm' } })])
      await some.append(fresh(), [fact('hurried'), noteRenamed.of({ data: { title: 'hurried b' } })])
      expect(appending.mock.calls.map(([, , { unhurried }]) => unhurried)).toEqual([true, false])
    } finally {
      appending.mockRestore()
    }
  })

  it('have a position that everything has passed, where the store numbers them later', async () => {
    const appending = jest.spyOn(ports.store, 'append').mockResolvedValueOnce({ version: 1, repeated: false })
    try {
      expect((await notes().append(fresh(), [fact('later')])).position).toMatch(/^[a-z]+:0:0$/)
    } finally {
      appending.mockRestore()
    }
  })

  it('are written into a new stream without being decided', async () => {
    const at = fresh()
    expect(await notes().append(at, [fact('fact'), noteRenamed.of({ data: { title: 'fact b' } })])).toMatchObject({
      version: 2,
      state: { title: 'fact b', renames: 1 },
      repeated: false,
    })
  })

  it('are refused where the stream exists, and written once under their command id', async () => {
    const at = fresh()
    await notes().append({ ...at, meta: meta('cmd_fact') }, [fact('fact c')])
    await expect(notes().append(at, [fact('fact d')])).rejects.toThrow(/expected version 0/)
    expect(await notes().append({ ...at, meta: meta('cmd_fact') }, [fact('fact c')])).toMatchObject({ repeated: true, version: 1, events: [] })
    expect(await stored(at)).toHaveLength(1)
  })
})

describe('what must not be stored', () => {
  it('is an event that the aggregate does not declare, or whose values its schema refuses', async () => {
    const at = fresh()
    await expect(aggregates.of(note, { events: [noteRenamed] }).handle(at, write('undeclared'))).rejects.toThrow('does not declare the event note.written')
    await expect(notes().handle(at, { ...write('x'), title: 7 } as never)).rejects.toThrow(/title/)
    expect(await stored(at)).toEqual([])
  })

  it('is anything about a person who is erased', async () => {
    const at = { ...fresh(), subject: 'usr_gone' }
    orThrow(await notes().handle(at, write('gone', 'her words')))
    await keys.destroy('ten_a', 'usr_gone')
    expect((await notes().load('ten_a', at.id)).state).toEqual({ title: 'gone', text: undefined, renames: 0 })
    expect(await notes().handle({ ...fresh(), subject: 'usr_gone' }, write('late'))).toMatchObject({ code: 'request.subject.erased' })
  })
})
