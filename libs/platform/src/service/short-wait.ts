/**
 * A short wait for what an event brings: whoever has just made something elsewhere may ask for it here before its event is here. Only so many wait at once, and only
 * so many a minute in vain: with names that were made up one can keep others from waiting, and no more.
 */
import type { Views } from '../views/views.js'

const patienceMs = 1_000
const mostWaiting = 100
const mostInVain = 5
const vainMs = 60_000

export class ShortWait {
  readonly #waiting = new Set<() => void>()
  #inVain = 0
  /** Until when waits in vain are counted, by the monotonic clock. */
  #countedUntil = 0
  /** Counts what has come, so that nothing is missed between a look and the wait after it. */
  #came = 0

  /** What `look` finds, now or within a second, looking again whenever something has come; `undefined` where it is not here by then. */
  async find<V>(look: () => V | undefined | Promise<V | undefined>): Promise<V | undefined> {
    let seen = this.#came
    let found = await look()
    if (found !== undefined || this.#waiting.size >= mostWaiting || !this.#isWorthIt()) return found
    let over = false
    let wake = () => {}
    const waiter = () => wake()
    this.#waiting.add(waiter)
    const timer = setTimeout(() => {
      over = true
      wake()
    }, patienceMs)
    try {
      while (found === undefined && !over) {
        if (seen === this.#came) await new Promise<void>((resolve) => (wake = resolve))
        seen = this.#came
        found = await look()
      }
      if (found === undefined) this.#inVain++
      return found
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(waiter)
    }
  }

  #isWorthIt(): boolean {
    const now = performance.now()
    if (now >= this.#countedUntil) {
      this.#countedUntil = now + vainMs
      this.#inVain = 0
    }
    return this.#inVain < mostInVain
  }

  /** What is waited for comes by a view. */
  after(views: Pick<Views, 'watch'>, view: string): void {
    views.watch(view, { changed: () => this.came(), outdated: () => this.came() })
  }

  /** Something has come: those who wait look again. */
  came(): void {
    this.#came++
    for (const wake of this.#waiting) wake()
  }
}
