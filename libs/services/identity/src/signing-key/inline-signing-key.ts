/**
 * A signing key that OpenSSL uses on the calling thread. Through WebCrypto each signature is a job for another thread, and handing it over
 * and back costs more than the 30 microseconds that ES256 itself takes. Reasons and price: docs/adr/0020-sign-on-the-calling-thread.md.
 */
import { createPrivateKey, createPublicKey, createSign, type JsonWebKeyInput, type KeyObject } from 'node:crypto'
import formatter from 'ecdsa-sig-formatter'
import { ExternalSigningKey } from 'oidc-provider'
import type { SigningKey } from './signing-keys.decider.js'

export class InlineSigningKey extends ExternalSigningKey {
  readonly #private: KeyObject
  readonly #public: KeyObject

  /** Only ES256 keys: P-256 with SHA-256 (RFC 7518 section 3.4). Throws for others. */
  constructor({ kid, alg, privateJwk }: SigningKey) {
    super()
    if (alg !== 'ES256') throw new TypeError(`${alg} keys cannot sign on the calling thread`)
    this.#private = createPrivateKey({ format: 'jwk', key: privateJwk as JsonWebKeyInput['key'] })
    this.#public = createPublicKey(this.#private)
    Object.assign(this, { kid, alg })
  }

  override keyObject(): KeyObject {
    return this.#public
  }

  /** JWS takes R and S side by side (RFC 7518 section 3.4). Node can write that form, too, but then a signature takes twice the time. */
  override sign(data: Uint8Array): Uint8Array {
    return Buffer.from(formatter.derToJose(createSign('sha256').update(data).sign(this.#private), 'ES256'), 'base64url')
  }
}
