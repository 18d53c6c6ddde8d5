/** Keyed hashes for equality search over values that are encrypted at rest. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'

export class BlindIndex {
  readonly #key: KeyObject

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key)
  }

  /** HMAC-SHA-256, 128 bits in base64url. Equal values of two tenants, or under two names, have nothing in common. */
  of(tenant: string, name: string, value: string): string {
    return createHmac('sha256', this.#key).update(`${tenant}\u0000${name}\u0000${value}`).digest('base64url').slice(0, 22)
  }
}
