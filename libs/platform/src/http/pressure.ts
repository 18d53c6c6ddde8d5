/** Overload protection: beyond what the process can do in time, it says so at once instead of queueing. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface PressureLimits {
  /** Requests being worked on. */
  readonly inFlight: number
  /** Milliseconds that the event loop was late on average during the last half second. */
  readonly loopDelay: number
}

const interval = 500

export class Pressure {
  #inFlight = 0
  #late = 0
  readonly #delays: ReturnType<typeof monitorEventLoopDelay>
  readonly #timer: NodeJS.Timeout

  constructor(private readonly limits: PressureLimits) {
    this.#delays = monitorEventLoopDelay({ resolution: 20 })
    this.#delays.enable()
    this.#timer = setInterval(() => {
      // The histogram holds the distance between two ticks of its own timer, so an idle loop shows the resolution.
      this.#late = Math.max(0, this.#delays.mean / 1e6 - 20) || 0
      this.#delays.reset()
    }, interval)
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
    this.#delays.disable()
  }
}
