/** The key-encryption key: wraps the data keys of subjects. It comes from the environment, a file, or later a key management service. */
import { createCipheriv, createDecipheriv, createHash, createSecretKey, type KeyObject } from 'node:crypto'
import { drawRandom } from '../service/random-pool.js'

const algorithm = 'aes-256-gcm' // NIST SP 800-38D

const nonceBytes = 12
/** Nonce and tag. */
const headBytes = nonceBytes + 16

/** The form in which a key is kept for use: making it anew for each value takes three times as long as encrypting one. */
export const secretKey = (bytes: Uint8Array): KeyObject => createSecretKey(bytes)

/** Nonce, tag and ciphertext in one buffer: 12 + 16 + n bytes. */
export const encrypt = (key: KeyObject, plain: Uint8Array | string, associated: string): Buffer => {
  const nonce = drawRandom(nonceBytes)
  const cipher = createCipheriv(algorithm, key, nonce)
  cipher.setAAD(Buffer.from(associated))
  const body = typeof plain === 'string' ? cipher.update(plain, 'utf8') : cipher.update(plain)
  cipher.final()
  const sealed = Buffer.allocUnsafe(headBytes + body.length)
  sealed.set(nonce, 0)
  sealed.set(cipher.getAuthTag(), nonceBytes)
  sealed.set(body, headBytes)
  return sealed
}

/** Throws when the key, the associated data or a single bit is wrong. */
export const decrypt = (key: KeyObject, sealed: Uint8Array, associated: string): Buffer => {
  const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(Buffer.from(associated))
  decipher.setAuthTag(sealed.subarray(12, 28))
  const plain = decipher.update(sealed.subarray(28))
  decipher.final()
  return plain
}

export abstract class KeyEncryptionKey {
  /** Names the key; stored beside everything that it wrapped. */
  abstract readonly id: string
  abstract wrap(dataKey: Uint8Array, associated: string): Promise<Uint8Array>
  /** Throws when the key was wrapped by another one, which `kek` names. */
  abstract unwrap(wrapped: Uint8Array, associated: string, kek: string): Promise<Uint8Array>
}

/** Keys held in memory. The first one wraps; the others only unwrap, until everything is wrapped anew. */
export class LocalKeyEncryptionKey extends KeyEncryptionKey {
  readonly id: string
  readonly #keys = new Map<string, KeyObject>()

  constructor(current: Uint8Array, former: readonly Uint8Array[] = []) {
    super()
    for (const key of [current, ...former]) {
      if (key.length !== 32) throw new RangeError('a key-encryption key has 32 bytes')
      this.#keys.set(nameOf(key), secretKey(key))
    }
    this.id = nameOf(current)
  }

  async wrap(dataKey: Uint8Array, associated: string): Promise<Uint8Array> {
    return encrypt(this.#keys.get(this.id) as KeyObject, dataKey, associated)
  }

  async unwrap(wrapped: Uint8Array, associated: string, kek: string): Promise<Uint8Array> {
    const key = this.#keys.get(kek)
    if (!key) throw new Error(`the key-encryption key ${kek} is not configured`)
    return decrypt(key, wrapped, associated)
  }
}

const nameOf = (key: Uint8Array): string => createHash('sha256').update('pavan kek name').update(key).digest('hex').slice(0, 16)
