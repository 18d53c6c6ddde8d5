/** How far a consumer has got, by context and partition; and who waits until it has got further. */
import { RefusalError } from '@pavan/kernel'

/** Where other copies of the service move the checkpoint too, it is looked up so often while somebody waits, in milliseconds. */
const firstLook = 15
const lastLook = 50
/** The longer the wait, the rarer the looks: each comes after this share of what was waited already, at the most after so many milliseconds. */
const shareOfWait = 0.1
const longestLook = 1000
/** The same for a partition that was worked on here before: most likely it is being worked on here, and to look would meet the very write that is waited for. */
const firstLookAtOwn = 100

interface Waiter {
  readonly context: string
  readonly p: number
  readonly seq: number
  readonly resolve: () => void
  /** By the monotonic clock. */
  readonly since: number
  /** When to look at what is stored, by the same clock, and milliseconds until the look after that. */
  lookAt: number
  wait: number
}

export class Positions {
  /** What is done, by `context:p`. */
  readonly #done = new Map<string, number>()
  /** What of it is stored. */
  readonly #stored = new Map<string, number>()
  /** What this copy has stored itself without a break, until partitions move. */
  readonly #own = new Map<string, { readonly after: number; readonly to: number }>()
  readonly #waiters = new Set<Waiter>()
  #timer: NodeJS.Timeout | undefined
  /** When the timer rings, by the monotonic clock. */
  #rings = Infinity
  #looking = false

  constructor(
    /** Reads what is stored. */
    private readonly read: (context: string, p: number) => Promise<number>,
    /** Whether other copies of the service move the stored position too. */
    private readonly shared: boolean,
  ) {}

  /** Last sequence number that is done, read from the store the first time. */
  async of(context: string, p: number): Promise<number> {
    return this.#done.get(`${context}:${p}`) ?? this.look(context, p)
  }

  /** The same, where it is in memory. */
  known(context: string, p: number): number | undefined {
    return this.#done.get(`${context}:${p}`)
  }

  /** The same, read again: a partition that comes to this copy was another one's before. */
  async look(context: string, p: number): Promise<number> {
    const stored = await this.read(context, p)
    const place = `${context}:${p}`
    // A checkpoint goes back only when its consumer is removed, so the higher number is the later one.
    if (stored > (this.#stored.get(place) ?? -1)) this.#stored.set(place, stored)
    if (stored > (this.#done.get(place) ?? -1)) this.#done.set(place, stored)
    return this.#done.get(place) as number
  }

  stored(context: string, p: number): number {
    return this.#stored.get(`${context}:${p}`) ?? 0
  }

  /** Notes what is done; with `stored`, that the checkpoint says so too; with `from`, that this copy has moved it from there. */
  moved(context: string, p: number, to: number, { stored, from }: { readonly stored: boolean; readonly from?: number }): void {
    const place = `${context}:${p}`
    const own = this.#own.get(place)
    if (from !== undefined) this.#own.set(place, { after: own?.to === from ? own.after : from, to })
    this.#done.set(place, to)
    if (stored) this.#stored.set(place, to)
    this.#wake()
  }

  /** Whether this copy has itself done, and stored, the events from one sequence number to another. */
  did(context: string, p: number, from: number, to: number): boolean {
    const own = this.#own.get(`${context}:${p}`)
    return own !== undefined && from > own.after && to <= own.to
  }

  /** Whether this copy has worked on a partition since partitions last moved: then it is most likely the one that does. */
  isOwn(context: string, p: number): boolean {
    return this.#own.has(`${context}:${p}`)
  }

  /** Partitions have moved, or another copy turned out to work on one: nothing is known any more of who does. */
  disown(): void {
    this.#own.clear()
  }

  /** Places of which less is stored than is done. */
  unstored(): readonly { readonly context: string; readonly p: number; readonly from: number; readonly to: number }[] {
    return [...this.#done].flatMap(([place, to]) => {
      const from = this.#stored.get(place) ?? 0
      const colon = place.lastIndexOf(':')
      return to > from ? [{ context: place.slice(0, colon), p: Number(place.slice(colon + 1)), from, to }] : []
    })
  }

  /** What this copy believes does not hold any more. */
  forget(context: string, p: number): void {
    this.#done.delete(`${context}:${p}`)
    this.#stored.delete(`${context}:${p}`)
  }

  /** `context:p` → last sequence number that is done, as far as this copy knows. */
  all(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#done)
  }

  /** Resolves when the consumer has passed a position, in whichever copy of the service; never rejects. */
  passed(context: string, p: number, seq: number): { readonly reached: Promise<void>; cancel(): void } {
    const wait = this.isOwn(context, p) ? firstLookAtOwn : firstLook
    const since = performance.now()
    const waiter: Waiter & { resolve: () => void } = { context, p, seq, resolve: () => {}, since, lookAt: since + wait, wait: firstLook }
    const reached = new Promise<void>((resolve) => (waiter.resolve = resolve))
    this.#waiters.add(waiter)
    void this.of(context, p).then(
      () => this.#wake(),
      () => {},
    )
    if (this.shared) this.#lookBy(waiter.lookAt)
    return { reached, cancel: () => this.#waiters.delete(waiter) }
  }

  #lookBy(at: number): void {
    if (this.#looking || at >= this.#rings) return
    clearTimeout(this.#timer)
    this.#rings = at
    this.#timer = setTimeout(() => void this.#lookNow(), Math.max(0, at - performance.now())).unref()
  }

  /** Looks for those whose time has come, and again when the next one's has. */
  async #lookNow(): Promise<void> {
    this.#looking = true
    this.#rings = Infinity
    const now = performance.now()
    const places = new Map<string, Waiter>()
    for (const waiter of this.#waiters) {
      if (waiter.lookAt > now) continue
      places.set(`${waiter.context}:${waiter.p}`, waiter)
      waiter.wait = Math.min(waiter.wait * 1.5, Math.max(lastLook, Math.min(longestLook, (now - waiter.since) * shareOfWait)))
      waiter.lookAt = now + waiter.wait
    }
    // Rows that are away come back: whoever waits has a time limit of their own.
    await Promise.all([...places.values()].map(({ context, p }) => this.look(context, p).catch(() => undefined)))
    this.#looking = false
    this.#wake()
    if (this.#waiters.size > 0) this.#lookBy(Math.min(...[...this.#waiters].map(({ lookAt }) => lookAt)))
  }

  #wake(): void {
    for (const waiter of this.#waiters) {
      if ((this.#done.get(`${waiter.context}:${waiter.p}`) ?? 0) < waiter.seq) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }
}

const waitMs = 5000

/** A wait that begins when another one is over. */
export const after = (first: ReturnType<Positions['passed']>, begin: () => ReturnType<Positions['passed']>): ReturnType<Positions['passed']> => {
  let second: ReturnType<Positions['passed']> | undefined
  let cancelled = false
  return {
    reached: first.reached.then(() => (cancelled ? undefined : (second = begin()).reached)),
    cancel: () => {
      cancelled = true
      second?.cancel()
    },
  }
}

/** Waits for all, for five seconds. Throws `request.position.timeout`. */
export const allPassed = async (waits: readonly ReturnType<Positions['passed']>[]): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RefusalError('request.position.timeout')), waitMs)
  })
  try {
    await Promise.race([Promise.all(waits.map((wait) => wait.reached)), timeout])
  } finally {
    clearTimeout(timer)
    for (const wait of waits) wait.cancel()
  }
}
