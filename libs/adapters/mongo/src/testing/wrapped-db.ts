/** A database whose writes a proof can watch, fail, or end as a process that is killed. */
import type { mongo } from 'mongoose'

const writes = new Set(['insertOne', 'insertMany', 'updateOne', 'updateMany', 'deleteOne', 'deleteMany', 'bulkWrite'])
/** Writes that are sent as they are. */
const commands = ['insert', 'update', 'delete']
const reads = new Set(['findOne', 'countDocuments', 'find'])

export interface Write {
  readonly collection: string
  readonly method: string
  readonly args: readonly unknown[]
}

export interface Hooks {
  /** Runs in the place of the command, and may send it. */
  readonly write?: (write: Write, send: () => Promise<unknown>) => Promise<unknown>
  /** Throws when nothing may be asked any more. */
  readonly read?: () => void
}

export const wrappedDb = (db: mongo.Db, hooks: Hooks): mongo.Db =>
  new Proxy(db, {
    get(target, name) {
      if (name === 'collection') return (collection: string) => wrappedCollection(target.collection(collection), hooks)
      const value = Reflect.get(target, name) as unknown
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...args: unknown[]) => Promise<unknown>
      if (name !== 'command' || !hooks.write) return call
      return (command: Record<string, unknown>) => {
        const method = commands.find((one) => one in command)
        if (!method) return call(command)
        return hooks.write?.({ collection: command[method] as string, method, args: [command] }, () => call(command))
      }
    },
  })

const wrappedCollection = (collection: mongo.Collection, hooks: Hooks): mongo.Collection =>
  new Proxy(collection, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...args: unknown[]) => unknown
      const { write, read } = hooks
      if (write && writes.has(name as string))
        return (...args: unknown[]) => write({ collection: target.collectionName, method: name as string, args }, async () => call(...args))
      if (read && reads.has(name as string))
        return (...args: unknown[]) => {
          read()
          return call(...args)
        }
      return call
    },
  })

/** Thrown to whoever asks something after the process "died". No error of the driver: nobody tries again. */
export class Killed extends Error {}

/** Counts writes; after (or before) the one with the number given, everything fails as in a process that is gone. */
export const killer = (at: number, when: 'before' | 'after'): Hooks & { readonly count: () => number } => {
  let count = 0
  let dead = false
  const read = (): void => {
    if (dead) throw new Killed('dead')
  }
  return {
    count: () => count,
    read,
    async write(_, send) {
      read()
      const own = ++count
      if (own === at && when === 'before') dead = true
      read()
      const answer = await send()
      if (own === at) dead = true
      read()
      return answer
    },
  }
}
