/** What cookies are signed with: the same signatures as Keygrip makes (HMAC-SHA-1, base64url), from keys that are prepared once. */
import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'

/** The interface of Keygrip that `cookies` uses. */
export class CookieSigner {
  readonly #keys: readonly KeyObject[]

  /** The first key signs, the others verify. */
  constructor(keys: readonly string[]) {
    this.#keys = keys.map((key) => createSecretKey(key, 'utf8'))
  }

  sign(data: string): string {
    return signature(data, this.#keys[0] as KeyObject).toString('base64url')
  }

  /** Number of the key that made the signature; -1 when none did. */
  index(data: string, signed: string): number {
    const given = Buffer.from(signed, 'base64url')
    // One spelling for each signature.
    if (given.length !== length || given.toString('base64url') !== signed) return -1
    return this.#keys.findIndex((key) => timingSafeEqual(signature(data, key), given))
  }

  verify(data: string, signed: string): boolean {
    return this.index(data, signed) > -1
  }
}

/** Octets of a SHA-1 digest. */
const length = 20
const signature = (data: string, key: KeyObject): Buffer => createHmac('sha1', key).update(data).digest()
