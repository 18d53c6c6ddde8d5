/** Hashes and checks passwords off the event loop, a few at a time. Beyond a short queue the answer is 503: it does not queue without end. */
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { Injectable } from '@nestjs/common'
import { RefusalError } from '@pavan/kernel'
import { metrics } from '@pavan/platform/telemetry/metrics.js'
import { tracing } from '@pavan/platform/telemetry/tracing.js'

/** Argon2id (the library's default), 19 MiB, two passes, one lane: OWASP Password Storage Cheat Sheet. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
const running = Math.max(1, availableParallelism())
const waiting = 64

const seconds = metrics.histogram('pavan_password_hash_seconds', {
  description: 'Time to hash or check one password, waiting included.',
  unit: 's',
  buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
})

const queued = metrics.gauge('pavan_password_queue', { description: 'Passwords that wait to be hashed or checked.', unit: '{password}' })
const refused = metrics.counter('pavan_password_refusals_total', {
  description: 'Passwords that were not looked at because the queue was full: their requests got 503.',
  unit: '{password}',
})

@Injectable()
export class Passwords {
  #running = 0
  readonly #queue: (() => void)[] = []
  #decoy: Promise<string> | undefined

  constructor() {
    queued.observe((report) => report(this.#queue.length))
  }

  hash(password: string): Promise<string> {
    return this.#inTurn('hash', () => hash(password.normalize('NFKC'), parameters))
  }

  /** Takes the same time whether there is a hash or not. */
  async check(password: string, known: string | undefined): Promise<boolean> {
    this.#decoy ??= hash('nobody has this password', parameters)
    const against = known ?? (await this.#decoy)
    const right = await this.#inTurn('verify', () => verify(against, password.normalize('NFKC')).catch(() => false))
    return right && known !== undefined
  }

  #inTurn<T>(operation: 'hash' | 'verify', work: () => Promise<T>): Promise<T> {
    if (!tracing.source) return this.#oneOf(work)
    return tracing.during({ name: `argon2 ${operation}`, attributes: { 'pavan.password.operation': operation } }, () => this.#oneOf(work))
  }

  async #oneOf<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now()
    if (this.#running >= running) {
      if (this.#queue.length >= waiting) {
        refused.add(1)
        throw new RefusalError('service.overloaded', { retryAfter: 2 })
      }
      // Whoever finishes hands its place over.
      await new Promise<void>((resolve) => this.#queue.push(resolve))
    } else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#queue.shift()
      if (next) next()
      else this.#running--
      seconds.record((performance.now() - began) / 1000)
    }
  }
}
