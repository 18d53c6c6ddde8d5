import { randomBytes } from 'node:crypto'
import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import { LocalKeyEncryptionKey } from './kek.js'
import { KeyRing, ringOf, SubjectErased } from './key-ring.js'
import type { SubjectKeyStore } from './subject-key-store.js'

const adapters = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: randomBytes(32) })
const kekBytes = randomBytes(32)
const kek = new LocalKeyEncryptionKey(kekBytes)
let store: SubjectKeyStore
let ring: KeyRing
beforeAll(async () => {
  store = (await adapters.portsFor('test')).keys
  ring = new KeyRing(store, kek)
})
afterAll(() => adapters.close())
/** As after a restart: nothing in memory. */
const restarted = (key = kek) => new KeyRing(store, key)
let last = 0
const someone = () => `usr_${++last}`

describe('the key ring', () => {
  it.each([{ a: 1 }, 'text', 'ünïcödé \u{1f511}', 7, true, null, [1, [2]], ''])('gives back %j, also after a restart, and never shows it', async (value) => {
    const who = someone()
    const sealed = await ring.seal('ten_a', who, 'place', value)
    expect(sealed).toMatch(/^[A-Za-z0-9+/]+=*$/)
    expect(Buffer.from(sealed, 'base64').includes(Buffer.from(JSON.stringify(value))) && JSON.stringify(value).length > 3).toBe(false)
    for (const one of [ring, restarted()]) expect(await one.open('ten_a', who, 'place', sealed)).toEqual(value)
  })

  it('is one for all who keep their keys in one place, so that each is opened once, and gone for all at once', async () => {
    const other = new LocalKeyEncryptionKey(randomBytes(32))
    const [mine, yours] = [ringOf(store, kek), ringOf(store, kek)]
    expect(yours).toBe(mine)
    expect(ringOf(store, other)).not.toBe(mine)
    const who = someone()
    const sealed = await mine.seal('ten_a', who, 'place', 1)
    const get = jest.spyOn(store, 'get')
    expect(await yours.open('ten_a', who, 'place', sealed)).toBe(1)
    expect(get).not.toHaveBeenCalled()
    get.mockRestore()
    await yours.destroy('ten_a', who)
    expect(await mine.open('ten_a', who, 'place', sealed)).toBeUndefined()
  })

  it('seals equal values differently', async () => {
    const who = someone()
    const sealed = await Promise.all(Array.from({ length: 1100 }, () => ring.seal('ten_a', who, 'place', 'same')))
    expect(new Set(sealed).size).toBe(1100)
    // AES-GCM breaks when a nonce comes twice under one key (NIST SP 800-38D section 8).
    expect(new Set(sealed.map((text) => Buffer.from(text, 'base64').subarray(0, 12).toString('hex'))).size).toBe(1100)
  })

  it('opens nothing in another place, for another subject, in another tenant, or with a bit changed', async () => {
    const [who, other] = [someone(), someone()]
    const sealed = await ring.seal('ten_a', who, 'place', 'x')
    await ring.seal('ten_a', other, 'place', 'y')
    await ring.seal('ten_b', who, 'place', 'y')
    await expect(ring.open('ten_a', who, 'elsewhere', sealed)).rejects.toThrow(/authenticate/)
    await expect(ring.open('ten_a', other, 'place', sealed)).rejects.toThrow(/authenticate/)
    await expect(ring.open('ten_b', who, 'place', sealed)).rejects.toThrow(/authenticate/)
    for (const at of [0, 12, 28]) {
      const bytes = Buffer.from(sealed, 'base64')
      bytes[at]! ^= 1
      await expect(ring.open('ten_a', who, 'place', bytes.toString('base64'))).rejects.toThrow(/authenticate/)
    }
  })

  it('makes one key when 20 writers of 4 copies come at once', async () => {
    const who = someone()
    const rings = [ring, restarted(), restarted(), restarted()]
    const sealed = await Promise.all(Array.from({ length: 20 }, (_, n) => rings[n % 4]!.seal('ten_a', who, 'place', n)))
    expect(await Promise.all(sealed.map((text) => restarted().open('ten_a', who, 'place', text)))).toEqual(Array.from({ length: 20 }, (_, n) => n))
  })

  it('does not let a reader that finds no key decide for a writer at the same moment', async () => {
    const who = someone()
    const one = restarted()
    const [, sealed] = await Promise.all([one.open('ten_a', who, 'place', 'AAAA'), one.seal('ten_a', who, 'place', 'x')])
    expect(await one.open('ten_a', who, 'place', sealed)).toBe('x')
  })
})

describe('a destroyed key', () => {
  it('opens and seals nothing more, here and after a restart, and only for its subject', async () => {
    const [gone, stays] = [someone(), someone()]
    const sealed = await ring.seal('ten_a', gone, 'place', 'x')
    const kept = await ring.seal('ten_a', stays, 'place', 'x')
    const elsewhere = await ring.seal('ten_b', gone, 'place', 'x')
    expect(await ring.isDestroyed('ten_a', gone)).toBe(false)
    await ring.destroy('ten_a', gone)
    await ring.destroy('ten_a', gone)
    for (const one of [ring, restarted()]) {
      expect(await one.open('ten_a', gone, 'place', sealed)).toBeUndefined()
      await expect(one.seal('ten_a', gone, 'place', 'y')).rejects.toThrow(SubjectErased)
      expect(await one.isDestroyed('ten_a', gone)).toBe(true)
      expect(await one.open('ten_a', stays, 'place', kept)).toBe('x')
      expect(await one.open('ten_b', gone, 'place', elsewhere)).toBe('x')
    }
  })

  it('of somebody who never had one cannot be made later', async () => {
    const who = someone()
    await ring.destroy('ten_a', who)
    await expect(restarted().seal('ten_a', who, 'place', 'x')).rejects.toThrow(SubjectErased)
  })

  it('leaves nothing open behind when it was being used at that moment', async () => {
    const who = someone()
    const sealed = await ring.seal('ten_a', who, 'place', 'x')
    const one = restarted()
    await Promise.allSettled([
      ...Array.from({ length: 20 }, () => one.open('ten_a', who, 'place', sealed)),
      one.destroy('ten_a', who),
      one.seal('ten_a', who, 'place', 'y'),
    ])
    expect(await one.open('ten_a', who, 'place', sealed)).toBeUndefined()
  })

  it('in another process is forgotten here as soon as that is heard', async () => {
    const who = someone()
    const sealed = await ring.seal('ten_a', who, 'place', 'x')
    await restarted().destroy('ten_a', who)
    expect(await ring.open('ten_a', who, 'place', sealed)).toBe('x') // still in memory
    ring.forget('ten_a', who)
    expect(await ring.open('ten_a', who, 'place', sealed)).toBeUndefined()
    await expect(ring.seal('ten_a', who, 'place', 'y')).rejects.toThrow(SubjectErased)
  })
})

describe('a new key-encryption key', () => {
  it('opens what the former one wrapped, wraps it anew in steps, and then the former one is not needed', async () => {
    const own = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: randomBytes(32) })
    try {
      const { keys } = await own.portsFor('test')
      const before = new KeyRing(keys, kek)
      const sealed = await Promise.all(Array.from({ length: 7 }, (_, n) => before.seal('ten_a', `usr_${n}`, 'place', n)))
      await before.destroy('ten_a', 'usr_6')
      const next = randomBytes(32)
      const both = new KeyRing(keys, new LocalKeyEncryptionKey(next, [kekBytes]))
      expect(await both.open('ten_a', 'usr_0', 'place', sealed[0]!)).toBe(0)
      expect([await both.rewrap(4), await both.rewrap(4), await both.rewrap(4)]).toEqual([4, 2, 0])
      const only = new KeyRing(keys, new LocalKeyEncryptionKey(next))
      expect(await Promise.all(sealed.slice(0, 6).map((text, n) => only.open('ten_a', `usr_${n}`, 'place', text)))).toEqual([0, 1, 2, 3, 4, 5])
      expect(await only.open('ten_a', 'usr_6', 'place', sealed[6]!)).toBeUndefined()
      await expect(new KeyRing(keys, kek).open('ten_a', 'usr_0', 'place', sealed[0]!)).rejects.toThrow(/is not configured/)
    } finally {
      await own.close()
    }
  })
})
