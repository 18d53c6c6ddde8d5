import { randomBytes } from 'node:crypto'
import { decrypt, encrypt, LocalKeyEncryptionKey, secretKey } from './kek.js'

describe('the key-encryption key', () => {
  const bytes = randomBytes(32)
  const kek = new LocalKeyEncryptionKey(bytes)

  it('has a name that is always the same and says nothing of the key', () => {
    expect(new LocalKeyEncryptionKey(bytes).id).toBe(kek.id)
    expect(kek.id).toMatch(/^[0-9a-f]{16}$/)
    expect(bytes.toString('hex')).not.toContain(kek.id)
    expect(new LocalKeyEncryptionKey(randomBytes(32)).id).not.toBe(kek.id)
  })

  it.each([0, 16, 31, 33])('is refused with %i bytes', (length) => {
    expect(() => new LocalKeyEncryptionKey(randomBytes(length))).toThrow(RangeError)
    expect(() => new LocalKeyEncryptionKey(bytes, [randomBytes(length)])).toThrow(RangeError)
  })

  it('unwraps what it wrapped, for the same subject only, and says when another key is needed', async () => {
    const key = randomBytes(32)
    const wrapped = await kek.wrap(key, 'key/ten_a/usr_1')
    expect(Buffer.from(await kek.unwrap(wrapped, 'key/ten_a/usr_1', kek.id))).toEqual(key)
    await expect(kek.unwrap(wrapped, 'key/ten_a/usr_2', kek.id)).rejects.toThrow(/authenticate/)
    await expect(new LocalKeyEncryptionKey(randomBytes(32)).unwrap(wrapped, 'key/ten_a/usr_1', kek.id)).rejects.toThrow(
      `the key-encryption key ${kek.id} is not configured`,
    )
  })
})

describe('the cipher', () => {
  const key = secretKey(randomBytes(32))

  it('adds nonce and tag, 28 bytes, and takes texts of any length', () => {
    for (const length of [0, 1, 15, 16, 17, 100_000]) {
      const plain = randomBytes(length)
      const sealed = encrypt(key, plain, 'a')
      expect(sealed.length).toBe(length + 28)
      expect(decrypt(key, sealed, 'a')).toEqual(plain)
    }
  })

  it('refuses a text that was cut, lengthened or has a short tag', () => {
    const sealed = encrypt(key, Buffer.from('a secret'), 'a')
    for (const wrong of [sealed.subarray(0, -1), Buffer.concat([sealed, Buffer.from([0])]), sealed.subarray(0, 20), Buffer.alloc(0)]) {
      expect(() => decrypt(key, wrong, 'a')).toThrow(/authenticat|nonce|IV|initialization/i)
    }
  })

  it('does not hand out memory that later nonces overwrite', () => {
    const first = encrypt(key, Buffer.from('x'), 'a')
    const copy = Buffer.from(first)
    for (let i = 0; i < 2_000; i++) encrypt(key, Buffer.from('y'), 'a')
    expect(first).toEqual(copy)
  })
})
