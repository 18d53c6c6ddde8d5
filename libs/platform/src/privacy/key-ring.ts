/** Data keys of subjects, opened and kept for a while; what is sealed under one can be read until the key is destroyed. */
import { randomBytes, type KeyObject } from 'node:crypto'
import { decrypt, encrypt, secretKey, type KeyEncryptionKey } from './kek.js'
import type { SubjectKeyStore } from './subject-key-store.js'

/** Opened keys in memory: 100 bytes each, and 500 where something was sealed repeatedly. */
const capacity = 50_000

export class SubjectErased extends Error {
  constructor() {
    super('the key of the subject is destroyed')
    this.name = 'SubjectErased'
  }
}

/** A value that is sealed again and again is sealed anew after so many milliseconds. */
const repeatFor = 60_000

interface Opened {
  readonly key: KeyObject
  /** What `sealRepeated` sealed last, and when. */
  last?: { readonly at: number; readonly aad: string; readonly plain: string; readonly sealed: string }
}

export class KeyRing {
  /** Oldest use first. */
  readonly #open = new Map<string, Opened>()
  readonly #loading = new Map<string, Promise<Opened | undefined>>()
  readonly #destroyed = new Set<string>()

  constructor(
    private readonly store: SubjectKeyStore,
    private readonly kek: KeyEncryptionKey,
  ) {}

  /** Encrypts a JSON value (AES-256-GCM) under the key of a subject, made at first use. `aad` binds it to its place. Throws `SubjectErased`. */
  async seal(tenant: string, subject: string, aad: string, plain: unknown): Promise<string> {
    const opened = this.#cached(tenant, subject) ?? (await this.#load(tenant, subject, true))
    if (!opened) throw new SubjectErased()
    return sealed(opened.key, aad, JSON.stringify(plain))
  }

  /** The same at once, where the key is open already; else undefined. */
  sealNow(tenant: string, subject: string, aad: string, plain: unknown): string | undefined {
    const opened = this.#cached(tenant, subject)
    return opened && sealed(opened.key, aad, JSON.stringify(plain))
  }

  /**
   * As `seal`, for a value that many things have in common for a while, such as where a person is: within a minute, the same value under the same
   * key gets the same text. `aad` therefore must not name the one thing that it is written to.
   */
  sealRepeated(tenant: string, subject: string, aad: string, value: unknown): string | Promise<string> {
    const opened = this.#cached(tenant, subject)
    if (!opened) return this.#load(tenant, subject, true).then((loaded) => this.#repeated(loaded, aad, value))
    return this.#repeated(opened, aad, value)
  }

  #repeated(opened: Opened | undefined, aad: string, value: unknown): string {
    if (!opened) throw new SubjectErased()
    const plain = JSON.stringify(value)
    const now = performance.now()
    const { last } = opened
    if (last && last.plain === plain && last.aad === aad && now - last.at < repeatFor) return last.sealed
    opened.last = { at: now, aad, plain, sealed: sealed(opened.key, aad, plain) }
    return opened.last.sealed
  }

  /** The value, or `undefined` when the key is destroyed. Throws when the text was changed or moved to another place. */
  async open(tenant: string, subject: string, aad: string, sealed: string): Promise<unknown | undefined> {
    const opened = this.#cached(tenant, subject) ?? (await this.#load(tenant, subject, false))
    return opened && JSON.parse(decrypt(opened.key, Buffer.from(sealed, 'base64'), aad).toString())
  }

  /** Makes everything sealed under the key unreadable, for ever. Durable when it resolves. */
  async destroy(tenant: string, subject: string): Promise<void> {
    await this.store.destroy(tenant, subject)
    this.forget(tenant, subject)
  }

  /** Another process destroyed the key. */
  forget(tenant: string, subject: string): void {
    const name = `${tenant}/${subject}`
    this.#open.delete(name)
    this.#destroyed.add(name)
  }

  async isDestroyed(tenant: string, subject: string): Promise<boolean> {
    return this.#destroyed.has(`${tenant}/${subject}`) || (await this.store.get(tenant, subject)).state === 'destroyed'
  }

  /** Wraps keys of former key-encryption keys anew, up to a number; answers how many. Repeat until 0. */
  async rewrap(limit = 500): Promise<number> {
    let count = 0
    for (const before of await this.store.outdated(this.kek.id, limit)) {
      const place = associated(before.tenant, before.subject)
      const opened = await this.kek.unwrap(before.wrapped, place, before.kek)
      if (await this.store.rewrap(before, { ...before, wrapped: await this.kek.wrap(opened, place), kek: this.kek.id })) count++
    }
    return count
  }

  #cached(tenant: string, subject: string): Opened | undefined {
    return this.#open.get(`${tenant}/${subject}`)
  }

  #load(tenant: string, subject: string, create: boolean): Promise<Opened | undefined> {
    const name = `${tenant}/${subject}`
    if (this.#destroyed.has(name)) return Promise.resolve(undefined)
    const running = this.#loading.get(name)
    // A reader that found no key must not decide for a writer that makes one.
    if (running) return running.then((opened) => opened ?? (create ? this.#fetch(tenant, subject, true) : undefined))
    const loading = this.#fetch(tenant, subject, create).finally(() => this.#loading.delete(name))
    this.#loading.set(name, loading)
    return loading
  }

  async #fetch(tenant: string, subject: string, create: boolean): Promise<Opened | undefined> {
    const name = `${tenant}/${subject}`
    let found = await this.store.get(tenant, subject)
    if (found.state === 'unknown' && create) {
      const wrapped = await this.kek.wrap(randomBytes(32), associated(tenant, subject))
      found = await this.store.insert({ tenant, subject, wrapped, kek: this.kek.id })
    }
    if (found.state === 'destroyed') this.#destroyed.add(name)
    if (found.state !== 'present') return undefined
    const key = secretKey(await this.kek.unwrap(found.key.wrapped, associated(tenant, subject), found.key.kek))
    if (this.#destroyed.has(name)) return undefined // destroyed while it was being read
    const opened: Opened = { key }
    this.#open.set(name, opened)
    if (this.#open.size > capacity) this.#evict()
    return opened
  }

  #evict(): void {
    for (const name of this.#open.keys()) {
      this.#open.delete(name)
      if (this.#open.size <= capacity * 0.9) return
    }
  }
}

const rings = new WeakMap<SubjectKeyStore, WeakMap<KeyEncryptionKey, KeyRing>>()

/** The ring of a store. Services of one process that have their keys in one place open each key once between them. */
export const ringOf = (store: SubjectKeyStore, kek: KeyEncryptionKey): KeyRing => {
  const ofStore = rings.get(store) ?? new WeakMap<KeyEncryptionKey, KeyRing>()
  rings.set(store, ofStore)
  const ring = ofStore.get(kek) ?? new KeyRing(store, kek)
  ofStore.set(kek, ring)
  return ring
}

const sealed = (key: KeyObject, aad: string, plain: string): string => encrypt(key, plain, aad).toString('base64')

const associated = (tenant: string, subject: string): string => `key/${tenant}/${subject}`
