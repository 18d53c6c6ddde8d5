import { randomBytes } from 'node:crypto'
import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import { BlindIndex } from './blind-index.js'
import { indexKey, serviceSecrets } from './index-key.js'
import { LocalKeyEncryptionKey } from './kek.js'
import { KeyRing } from './key-ring.js'

describe('a blind index', () => {
  const index = new BlindIndex(Buffer.alloc(32, 1))

  it('is the same for the same value, and 128 bits in base64url', () => {
    expect(index.of('ten_a', 'email', 'a@b.example')).toBe(index.of('ten_a', 'email', 'a@b.example'))
    expect(index.of('ten_a', 'email', 'a@b.example')).toMatch(/^[A-Za-z0-9_-]{22}$/)
    // HMAC-SHA-256, computed with openssl: printf 'ten_a\0email\0a@b.example' | openssl dgst -sha256 -mac hmac -macopt hexkey:0101…
    expect(index.of('ten_a', 'email', 'a@b.example')).toBe('DgGdMwusmtDGocDBtyegf6')
  })

  it('has nothing in common between tenants, names, values and keys', () => {
    const all = [
      index.of('ten_a', 'email', 'x'),
      index.of('ten_b', 'email', 'x'),
      index.of('ten_a', 'phone', 'x'),
      index.of('ten_a', 'email', 'y'),
      new BlindIndex(Buffer.alloc(32, 2)).of('ten_a', 'email', 'x'),
    ]
    expect(new Set(all).size).toBe(5)
  })

  it('does not mix up where one part ends and the next begins', () => {
    expect(index.of('ten_a', 'em', 'ail')).not.toBe(index.of('ten_a', 'ema', 'il'))
    expect(index.of('ten', '_aem', 'ail')).not.toBe(index.of('ten_a', 'em', 'ail'))
  })
})

describe('the key of the blind index', () => {
  it('is made once by copies that start together, stays after a restart and a new key-encryption key, and lies sealed', async () => {
    const adapters = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: randomBytes(32) })
    try {
      const { keys: store, rows } = await adapters.portsFor('test')
      await rows.open([serviceSecrets as never])
      const first = randomBytes(32)
      const ring = (kek: LocalKeyEncryptionKey) => new KeyRing(store, kek)
      const made = await Promise.all(Array.from({ length: 8 }, () => indexKey(rows, ring(new LocalKeyEncryptionKey(first)))))
      const hex = new Set(made.map((key) => Buffer.from(key).toString('hex')))
      expect([hex.size, made[0]?.length]).toEqual([1, 32])
      const next = new LocalKeyEncryptionKey(randomBytes(32), [first])
      expect(Buffer.from(await indexKey(rows, ring(next))).toString('hex')).toBe([...hex][0])
      expect(JSON.stringify(await rows.get(serviceSecrets, 'blind-index'))).not.toContain(Buffer.from(made[0] as Uint8Array).toString('base64'))
    } finally {
      await adapters.close()
    }
  })
})
