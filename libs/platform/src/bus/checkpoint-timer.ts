/**
 * When a checkpoint is stored although no change goes with it: other copies learn from it how far this one is. Most events are none of most consumers'
 * business, and a write for each of them would be most of what the database has to do. A reader in another copy does not wait for it (see `Views.waitFor`);
 * only a copy that has just come does, so for a while after partitions moved it is stored soon.
 */
const afterMs = 60_000
const soonMs = 500
const movedLatelyMs = 60_000

export class CheckpointTimer {
  #timer: NodeJS.Timeout | undefined
  /** When it rings, by the monotonic clock. */
  #rings = Infinity
  /** Until when it is stored soon, by the same clock. */
  #soonUntil = 0

  constructor(private readonly store: () => void) {}

  /** Whether there is something to store. */
  get runs(): boolean {
    return this.#timer !== undefined
  }

  /** Something is done that is not stored. */
  start(): void {
    this.#ringIn(performance.now() < this.#soonUntil ? soonMs : afterMs)
  }

  /** Something could not be stored. */
  startAgain(): void {
    this.#ringIn(soonMs)
  }

  /** Partitions have moved. */
  hurry(): void {
    this.#soonUntil = performance.now() + movedLatelyMs
    if (this.runs) this.#ringIn(soonMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#rings = Infinity
  }

  /** In so many milliseconds, or before. */
  #ringIn(millis: number): void {
    const rings = performance.now() + millis
    if (rings >= this.#rings) return
    clearTimeout(this.#timer)
    this.#rings = rings
    this.#timer = setTimeout(this.store, millis).unref()
  }
}
