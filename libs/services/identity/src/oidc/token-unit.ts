/**
 * What one token request writes: the consumption of what was presented and everything that is issued for it.
 * It is collected while oidc-provider works and committed once, before the answer leaves, so that of many parallel uses
 * exactly one finds its condition true, and a crash leaves either everything or nothing.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { Provider } from 'oidc-provider'
import type { RowChange, Rows } from '@pavan/platform/views/rows.js'

/** What was presented and may be used once. */
export type Presented = 'AuthorizationCode' | 'RefreshToken' | 'Interaction' | 'Session'

export class TokenUnit {
  readonly #changes: RowChange[] = []
  readonly #guards = new Map<number, Presented>()
  readonly #done: (() => void)[] = []
  /** How many of the changes nobody has to wait for. */
  #behind = 0
  /** Refresh token families that this request rotates: family → hash of the token that was presented. */
  readonly rotating = new Map<string, string>()

  /**
   * `done` is called when the change is written. `behind`: where this process alone has the rows, and remembers this one, an answer need not wait
   * until it is durable. A crash in these milliseconds makes somebody begin again.
   */
  add(change: RowChange<any>, { guard, done, behind }: { guard?: Presented; done?: () => void; behind?: boolean } = {}): void {
    if (behind) this.#behind++
    if (done) this.#done.push(done)
    if (guard) this.#guards.set(this.#changes.length, guard)
    this.#changes.push(change as RowChange)
  }

  /** Has the adapters that `work` calls collect here. For pages, which are no request of oidc-provider. */
  collect<T>(work: () => Promise<T>): Promise<T> {
    return collecting.run(this, work)
  }

  /** Writes everything. Answers what somebody else used first; then nothing is written. */
  async commit(rows: Rows): Promise<Presented | undefined> {
    if (this.#changes.length === 0) return undefined
    if (this.#behind === this.#changes.length && !rows.shared) {
      // A store that cannot write says so to the next who waits for it.
      rows.apply(this.#changes as RowChange<any>[]).catch(() => undefined)
      for (const done of this.#done) done()
      return undefined
    }
    const result = await rows.apply(this.#changes as RowChange<any>[])
    if (result.applied) {
      for (const done of this.#done) done()
      return undefined
    }
    const lost = result.because === 'condition' ? this.#guards.get(result.failed) : undefined
    if (!lost) throw new Error('an unconditional write of a request was refused')
    return lost
  }
}

const collecting = new AsyncLocalStorage<TokenUnit>()
/** Place of the unit in the context. */
const place = Symbol('pavan.unit')

interface Carrier {
  [place]?: TokenUnit
}

/** Begins to collect for a request (its Koa context). */
export const beginUnit = (context: object): TokenUnit => {
  const unit = new TokenUnit()
  ;(context as Carrier)[place] = unit
  return unit
}

/** What the running request collects in; undefined where each write is made at once. */
export const currentUnit = (): TokenUnit | undefined => {
  const unit = collecting.getStore()
  if (unit) return unit
  return (Provider.ctx as Carrier | undefined)?.[place]
}
