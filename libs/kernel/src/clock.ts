/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Millis = number

export abstract class Clock {
  abstract now(): Millis
}

/** The machine's clock. Monotonic within the process: it never goes back, even when the machine's clock does. */
export class SystemClock extends Clock {
  #last = 0

  now(): Millis {
    this.#last = Math.max(this.#last, Date.now())
    return this.#last
  }
}

/** A clock that moves only when told. */
export class ManualClock extends Clock {
  constructor(private millis: Millis = Date.UTC(2026, 0, 1)) {
    super()
  }

  now(): Millis {
    return this.millis
  }

  advance(by: Millis): void {
    this.millis += by
  }
}
