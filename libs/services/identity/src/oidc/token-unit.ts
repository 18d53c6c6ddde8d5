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

type Insert = Extract<RowChange<any>, { op: 'insert' }>
type Patch = Extract<RowChange<any>, { op: 'patch' }>

/** Whether a change sets fields of the new row under a condition that it fulfils. */
const setsIn = (change: RowChange<any>, { table, key, row }: Insert): change is Patch =>
  change.op === 'patch' && change.table === table && change.key === key && Object.entries(change.if ?? {}).every(([name, value]) => row[name] === value)

export class TokenUnit {
  readonly #entries: { readonly change: RowChange; readonly guard?: Presented }[] = []
  readonly #otherwise: (() => void)[] = []
  /** Refresh token families that this request rotates: family → hash of the token that was presented. */
  readonly rotating = new Map<string, string>()

  /** Keys of artifacts that this request has looked up. */
  readonly known = new Set<string>()

  add(change: RowChange<any>, { guard }: { guard?: Presented } = {}): void {
    this.#entries.push({ change: change as RowChange, guard })
  }

  /** A row that begins with this request, before everything else. What the request sets in it is written with it. */
  begin(made: RowChange<any>): void {
    const row = { ...(made as Insert).row }
    const entries = this.#entries.splice(0)
    const others = entries.filter(({ change }) => {
      const own = setsIn(change, made as Insert)
      if (own) Object.assign(row, change.set)
      return !own
    })
    this.#entries.push({ change: { ...(made as Insert), row } as RowChange }, ...others)
  }

  /** What has to be undone where the changes are not written. */
  otherwise(undo: () => void): void {
    this.#otherwise.push(undo)
  }

  /** Has the adapters that `work` calls collect here, outside of a request of oidc-provider. */
  collect<T>(work: () => Promise<T>): Promise<T> {
    return collecting.run(this, work)
  }

  /** Writes everything. Answers what somebody else used first; then nothing is written. */
  async commit(rows: Rows): Promise<Presented | undefined> {
    if (this.#entries.length === 0) return undefined
    const changes = this.#entries.map(({ change }) => change as RowChange<any>)
    const result = await rows.apply(changes).catch((error: unknown) => {
      this.#undo()
      throw error
    })
    if (result.applied) return undefined
    this.#undo()
    const lost = result.because === 'condition' ? this.#entries[result.failed]?.guard : undefined
    if (!lost) throw new Error('an unconditional write of a request was refused')
    return lost
  }

  #undo(): void {
    for (const undo of this.#otherwise) undo()
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
