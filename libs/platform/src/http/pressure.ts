/** Overload protection: beyond what the process can do in time, it says so at once instead of queueing. */
export interface PressureLimits {
  /** Requests being worked on. */
  readonly inFlight: number
  /** Milliseconds that the event loop was late on average during the last half second. */
  readonly loopDelay: number
}

/** Milliseconds between two looks at the clock, and of the time over which their lateness is averaged. */
const tick = 50
const span = 500

export class Pressure {
  #inFlight = 0
  #late = 0
  readonly #timer: NodeJS.Timeout

  constructor(private readonly limits: PressureLimits) {
    let last = performance.now()
    let [began, sum, count] = [last, 0, 0]
    // Node's own histogram forgets the tick before with each reset, and with it the delay that a blocked loop has just had.
    this.#timer = setInterval(() => {
      const now = performance.now()
      sum += Math.max(0, now - last - tick)
      count++
      last = now
      if (now - began < span) return
      this.#late = sum / count
      ;[began, sum, count] = [now, 0, 0]
    }, tick)
    this.#timer.unref()
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Milliseconds. */
  get loopDelay(): number {
    return this.#late
  }

  overloaded(): boolean {
    return this.#inFlight >= this.limits.inFlight || this.#late > this.limits.loopDelay
  }

  enter(response: NodeJS.EventEmitter): void {
    this.#inFlight++
    response.once('close', () => this.#inFlight--)
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
