/** Wrapped data keys of all services, in one database. A destroyed key is overwritten with zeros, then absent; its document stays as a mark. */
import { SubjectKeyStore, type KeyState, type WrappedKey } from '@pavan/platform/privacy/subject-key-store.js'
import mongoose from 'mongoose'
import { durable, prepare, type Collection, type Db } from './database.js'
import { byIds, Lookups } from './lookups.js'
import { idOf } from './ordered-text.js'
import { crossing, isDuplicate, persist } from './retry.js'

interface KeyDoc {
  readonly _id: string
  readonly tenant: string
  readonly subject: string
  /** Absent once destroyed. */
  readonly wrapped?: mongoose.mongo.Binary
  readonly kek?: string
}

const writing = { writeConcern: durable }
const idOfKey = (tenant: string, subject: string): string => idOf(JSON.stringify([tenant, subject]))
const binary = (bytes: Uint8Array) => new mongoose.mongo.Binary(bytes)

export class MongoSubjectKeyStore extends SubjectKeyStore {
  readonly #keys: Collection<KeyDoc>
  readonly #lookups = new Lookups<KeyDoc>((_, ids) => persist(() => this.#keys.find(byIds(ids)).toArray()))

  private constructor(keys: Collection<KeyDoc>) {
    super()
    this.#keys = keys
  }

  static async open(db: Db): Promise<MongoSubjectKeyStore> {
    await persist(() => prepare(db, 'subject_keys', [{ key: { kek: 1 }, name: 'kek', sparse: true }]))
    return new MongoSubjectKeyStore(db.collection<KeyDoc>('subject_keys'))
  }

  get(tenant: string, subject: string): Promise<KeyState> {
    return crossing(async () => stateOf(await this.#lookups.one(this.#keys.collectionName, idOfKey(tenant, subject))))
  }

  insert({ tenant, subject, wrapped, kek }: WrappedKey): Promise<KeyState> {
    return crossing(async () => {
      const doc = { _id: idOfKey(tenant, subject), tenant, subject, wrapped: binary(wrapped), kek }
      await persist(() => this.#keys.insertOne(doc, writing)).catch(unlessDuplicate)
      return this.get(tenant, subject)
    })
  }

  /** The first write overwrites the bytes in place, the second takes them away: both are harmless when repeated. */
  destroy(tenant: string, subject: string): Promise<void> {
    return crossing(async () => {
      const _id = idOfKey(tenant, subject)
      const doc = await persist(() => this.#keys.findOne({ _id }))
      if (!doc) {
        // A mark without a key. Should a key be inserted meanwhile, it is there to be destroyed.
        const inserted = await persist(() => this.#keys.insertOne({ _id, tenant, subject }, writing)).then(
          () => true,
          (error: unknown) => unlessDuplicate(error),
        )
        if (inserted) return
      }
      if (doc?.wrapped) await persist(() => this.#keys.updateOne({ _id }, { $set: { wrapped: binary(new Uint8Array(doc.wrapped?.length() ?? 0)) } }, writing))
      await persist(() => this.#keys.updateOne({ _id }, { $unset: { wrapped: 1, kek: 1 } }, writing))
    })
  }

  outdated(kek: string, limit: number): Promise<readonly WrappedKey[]> {
    return crossing(async () => {
      const found = await persist(() =>
        this.#keys
          .find({ $or: [{ kek: { $lt: kek } }, { kek: { $gt: kek } }] })
          .limit(limit)
          .toArray(),
      )
      return found.map(wrappedOf)
    })
  }

  /** A repeated write that finds its own wrapping has been done before. */
  rewrap(before: WrappedKey, after: WrappedKey): Promise<boolean> {
    return crossing(async () => {
      const _id = idOfKey(before.tenant, before.subject)
      const change = { $set: { wrapped: binary(after.wrapped), kek: after.kek } }
      return persist(async (attempt) => {
        const { matchedCount } = await this.#keys.updateOne({ _id, kek: before.kek, wrapped: binary(before.wrapped) }, change, writing)
        if (matchedCount === 1 || attempt === 0) return matchedCount === 1
        return (await this.#keys.countDocuments({ _id, kek: after.kek, wrapped: binary(after.wrapped) })) === 1
      })
    })
  }
}

const unlessDuplicate = (error: unknown): false => {
  if (isDuplicate(error)) return false
  throw error
}

const wrappedOf = (doc: KeyDoc): WrappedKey => ({
  tenant: doc.tenant,
  subject: doc.subject,
  wrapped: Uint8Array.from((doc.wrapped as mongoose.mongo.Binary).buffer.subarray(0, (doc.wrapped as mongoose.mongo.Binary).length())),
  kek: doc.kek as string,
})

const stateOf = (doc: KeyDoc | undefined): KeyState => {
  if (!doc) return { state: 'unknown' }
  return doc.wrapped && doc.kek !== undefined ? { state: 'present', key: wrappedOf(doc) } : { state: 'destroyed' }
}
