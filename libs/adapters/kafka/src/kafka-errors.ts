/** Errors of kafkajs as what they mean to us. */
import { StorageUnavailable } from '@pavan/platform/service/storage-unavailable.js'

/** kafkajs wraps: what counts is the innermost cause. A "non-retriable" error around a lost connection is only a lost connection. */
export const innermost = (error: unknown): unknown => {
  let inner = error
  while (inner instanceof Error) {
    const below = inner.cause ?? (inner as { originalError?: unknown }).originalError
    if (!(below instanceof Error) || below === inner) return inner
    inner = below
  }
  return inner
}

/** What may be said of an error: kafkajs quotes hosts, topics and groups, never values. */
export const describe = (error: unknown): string => {
  const inner = innermost(error)
  return inner instanceof Error ? `${inner.name}: ${inner.message}`.slice(0, 300) : 'thrown value'
}

export const typeOf = (error: unknown): string | undefined => (innermost(error) as { type?: string } | undefined)?.type

/** The work, or a refusal after `millis`. The work itself goes on: what it does late must do no harm. */
export const within = async <T>(millis: number, what: string, work: () => Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StorageUnavailable(`Kafka did not answer within ${millis} ms (${what})`)), millis)
  })
  try {
    return await Promise.race([work(), late])
  } catch (error) {
    if (error instanceof StorageUnavailable) throw error
    throw Object.assign(new StorageUnavailable(`Kafka refused (${what}): ${describe(error)}`), { cause: error })
  } finally {
    clearTimeout(timer)
  }
}
