import { randomBytes } from 'node:crypto'
import { sqliteAdapters } from '@pavan/sqlite'
import { ManualClock, type EventMeta, type StreamId } from '@pavan/kernel'
import type { StoredEvent } from '../events/event-store.js'
import { EventCipher } from './event-cipher.js'
import { LocalKeyEncryptionKey } from './kek.js'
import { KeyRing, SubjectErased } from './key-ring.js'

const stream: StreamId = { tenant: 'ten_a', category: 'user', id: 'usr_1' }
const by = (type: EventMeta['actor']['type'], id: string): EventMeta => ({ actor: { type, id }, origin: { address: '203.0.113.9' } })
const event = (meta: EventMeta, subject?: string) => ({
  id: 'evt_1',
  type: 'thing.happened',
  schema: 1,
  at: 1,
  data: { open: 1 },
  personal: { email: 'a@b.example' },
  secret: { hash: 'h' },
  subject,
  meta,
})

describe('the cipher of events', () => {
  const adapters = sqliteAdapters({ folder: ':memory:', clock: new ManualClock(), claimKey: randomBytes(32) })
  let keys: KeyRing
  let cipher: EventCipher
  beforeAll(async () => {
    keys = new KeyRing((await adapters.portsFor('test')).keys, new LocalKeyEncryptionKey(randomBytes(32)))
    cipher = new EventCipher(keys)
  })
  afterAll(() => adapters.close())

  const stored = async (meta: EventMeta, subject?: string, at = stream): Promise<StoredEvent> =>
    ({ ...(await cipher.seal(at, event(meta, subject))), stream: at, context: 'test', version: 1, position: { p: 0, seq: 1 } }) as StoredEvent

  it('opens what it sealed, and shows nothing of it in between', async () => {
    const sealed = await stored(by('user', 'usr_1'), 'usr_1')
    expect(JSON.stringify(sealed)).not.toMatch(/a@b|203\.0|"h"/)
    expect(await cipher.open(sealed)).toMatchObject({ personal: { email: 'a@b.example' }, secret: { hash: 'h' }, meta: { origin: { address: '203.0.113.9' } } })
  })

  it('keeps the address of whoever acted under their own key', async () => {
    const sealed = await stored(by('user', 'usr_admin'), 'usr_2')
    const tenants = await stored(by('user', 'usr_admin'))
    await keys.destroy('ten_a', 'usr_admin')
    for (const one of [sealed, tenants]) {
      const opened = await cipher.open(one)
      expect(opened.personal).toEqual({ email: 'a@b.example' })
      expect(opened.meta.origin).toBeUndefined()
    }
  })

  it('opens nothing of an erased person, and seals nothing more', async () => {
    const sealed = await stored(by('anonymous', 'anonymous'), 'usr_3')
    await keys.destroy('ten_a', 'usr_3')
    expect(await cipher.open(sealed)).toMatchObject({ data: { open: 1 }, personal: undefined, secret: undefined, meta: { origin: undefined } })
    await expect(stored(by('anonymous', 'anonymous'), 'usr_3')).rejects.toThrow(SubjectErased)
  })

  it('refuses a part that was moved to another stream', async () => {
    const sealed = await stored(by('system', 'x'), 'usr_4')
    await expect(cipher.open({ ...sealed, stream: { ...stream, id: 'usr_5' } })).rejects.toThrow(/authenticate/)
  })

  it('seals where somebody is once for a while, anew when it changes, and never under another key', async () => {
    const at = (address: string, id: string) => stored({ actor: { type: 'user', id }, origin: { address } })
    const [first, second, moved, other] = [
      await at('203.0.113.9', 'usr_6'),
      await at('203.0.113.9', 'usr_6'),
      await at('203.0.113.10', 'usr_6'),
      await at('203.0.113.9', 'usr_7'),
    ]
    expect(second.origin).toBe(first.origin)
    expect(new Set([first.origin, moved.origin, other.origin]).size).toBe(3)
    expect((await cipher.open(moved)).meta.origin).toEqual({ address: '203.0.113.10' })
    await expect(cipher.open({ ...other, origin: first.origin })).rejects.toThrow(/authenticate/)
    await keys.destroy('ten_a', 'usr_6')
    await expect(at('203.0.113.9', 'usr_6')).rejects.toThrow(SubjectErased)
  })

  it('opens an origin that an older version bound to its event', async () => {
    const sealed = await stored(by('user', 'usr_8'))
    const origin = await keys.seal('ten_a', 'usr_8', 'event/ten_a/user/usr_1/evt_1/origin', { address: '203.0.113.11' })
    expect((await cipher.open({ ...sealed, origin })).meta.origin).toEqual({ address: '203.0.113.11' })
    await expect(cipher.open({ ...sealed, origin, id: 'evt_2' })).rejects.toThrow(/authenticate/)
  })
})
