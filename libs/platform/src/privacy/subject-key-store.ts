/** The port of data keys, one per subject, wrapped by the key-encryption key. Destroying one makes every copy of the subject's data unreadable. */
export interface WrappedKey {
  readonly tenant: string
  readonly subject: string
  /** Ciphertext of the data key. */
  readonly wrapped: Uint8Array
  /** Names the key-encryption key. */
  readonly kek: string
}

export type KeyState = { readonly state: 'present'; readonly key: WrappedKey } | { readonly state: 'destroyed' } | { readonly state: 'unknown' }

export abstract class SubjectKeyStore {
  abstract get(tenant: string, subject: string): Promise<KeyState>
  /** Stores the key if the subject has none and never had one; answers what is stored now. Durable. */
  abstract insert(key: WrappedKey): Promise<KeyState>
  /** Overwrites the key so that it cannot be recovered from the files, and leaves a mark. Durable; harmless when repeated. */
  abstract destroy(tenant: string, subject: string): Promise<void>
  /** Keys wrapped by another key-encryption key than the one given, for re-wrapping. */
  abstract outdated(kek: string, limit: number): Promise<readonly WrappedKey[]>
  /** Replaces the wrapping if the key is still the one given. */
  abstract rewrap(before: WrappedKey, after: WrappedKey): Promise<boolean>
}
