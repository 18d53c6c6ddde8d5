/** Errors of the driver: which of them another try mends, and what crosses the port instead of them. */
import { RefusalError } from '@pavan/kernel'
import { StorageUnavailable } from '@pavan/platform/service/storage-unavailable.js'
import mongoose from 'mongoose'

/**
 * Lock timeout, shutdown, fail-over and busy, by https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml;
 * 16908292 is a deadlock of DocumentDB, which it resolves by refusing one of the two.
 */
const transientCodes = new Set([
  6, 7, 24, 46, 50, 63, 64, 89, 91, 112, 133, 134, 189, 202, 234, 262, 317, 358, 9001, 10058, 10107, 11600, 11602, 13435, 13436, 16908292,
])
const { MongoError, MongoNetworkError, MongoServerSelectionError, MongoWriteConcernError, MongoBulkWriteError } = mongoose.mongo
/** What the driver says of a connection or a pool that went away under a command. */
const lostConnection = new Set([
  'MongoPoolClearedError',
  'MongoPoolClosedError',
  'MongoWaitQueueTimeoutError',
  'MongoTopologyClosedError',
  'MongoNotConnectedError',
])

export const isDuplicate = (error: unknown): boolean => (error as { code?: unknown }).code === 11000

/** Whether the command may or may not have been done, and may be sent again. */
export const isTransient = (error: unknown): boolean => {
  if (!(error instanceof MongoError)) return false
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError || error instanceof MongoWriteConcernError) return true
  if (lostConnection.has(error.name)) return true
  if (error instanceof MongoBulkWriteError && bulkErrors(error).length > 0) return bulkErrors(error).some(({ code }) => transientCodes.has(code))
  // The driver makes any error of a bulk a bulk error; one that comes from no server comes from the connection.
  if (error instanceof MongoBulkWriteError && error.code === undefined) return true
  return transientCodes.has(Number(error.code)) || /deadlock detected/.test(error.message)
}

/** The errors of an unordered bulk: counts are not reliable on every server, the index is. */
const bulkErrors = (error: InstanceType<typeof MongoBulkWriteError>): { index: number; code: number }[] =>
  [error.writeErrors].flat().map(({ index, code }) => ({ index, code: Number(code) }))

export const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Waits for work that nobody needs, but not for long: a database that is away must not hold up the end. */
export const atMost = async (millis: number, work: Promise<unknown> | undefined): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, millis)))
  await Promise.race([Promise.resolve(work).catch(() => undefined), timeout])
  clearTimeout(timer)
}

/** Full jitter, so that those who collided do not meet again. */
export const jitter = (attempt: number): Promise<void> => pause(Math.random() * Math.min(500, 5 * 2 ** Math.min(attempt, 10)))

/** How long a call goes on trying while the database is away, in milliseconds. Proofs shorten it. */
export const patience = { ms: 8_000 }

/** Sends a command that is harmless when repeated, until it is answered. The caller judges by what is stored, never by the answer of a repeated one. */
export const persist = async <T>(command: (attempt: number) => Promise<T>): Promise<T> => {
  const end = performance.now() + patience.ms
  for (let attempt = 0; ; attempt++) {
    try {
      return await command(attempt)
    } catch (error) {
      if (!isTransient(error)) throw error
      if (performance.now() > end) throw unavailable(error)
      await jitter(attempt + 1)
    }
  }
}

const unavailable = (error: unknown): StorageUnavailable => {
  const { name, code } = error as { name?: string; code?: unknown }
  return new StorageUnavailable(`the database does not answer (${name ?? 'unknown'}${code === undefined ? '' : ` ${String(code)}`})`)
}

/** Runs a call of a port: no error of the driver crosses. The message of the driver stays behind, because it may quote a key. */
export const crossing = async <T>(call: () => Promise<T>): Promise<T> => {
  try {
    return await call()
  } catch (error) {
    if (error instanceof RefusalError || !(error instanceof MongoError || error instanceof mongoose.MongooseError)) throw error
    if (isTransient(error)) throw unavailable(error)
    const { codeName, code } = error as { codeName?: string; code?: unknown }
    throw new Error(`the database refused a command (${error.name}, ${codeName ?? String(code ?? 'no code')})`)
  }
}
