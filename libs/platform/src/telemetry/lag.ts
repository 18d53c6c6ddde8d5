/** How far a follower is behind a log, told from looks at both: no event has to be stamped or counted for it. */

export interface Lag {
  /** Events that are in the log and not done. */
  readonly events: number
  /** For how long the oldest of them has been waiting at least; exact to the time between two looks. */
  readonly seconds: number
}

/** A look at the log: at this time it was this long. */
interface Mark {
  readonly head: number
  readonly at: number
}

const mostMarks = 240

/** Of one follower in one partition. */
export class LagEstimate {
  #marks: Mark[] = []

  /** `head` and `done` are sequence numbers, `now` is in milliseconds of any clock that does not jump. */
  look(head: number, done: number, now: number): Lag {
    this.#marks = this.#marks.filter((mark) => mark.head > done)
    const events = Math.max(0, head - done)
    if (events > 0 && head > (this.#marks.at(-1)?.head ?? 0)) this.#marks.push({ head, at: now })
    // Somebody who is behind for days keeps the first mark, which says since when, and coarser ones after it.
    if (this.#marks.length > mostMarks) this.#marks = this.#marks.filter((_, index) => index % 2 === 0)
    return { events, seconds: (now - (this.#marks[0]?.at ?? now)) / 1000 }
  }
}

/** What is told of several partitions: all events that wait, and the longest wait. */
export const total = (lags: readonly Lag[]): Lag => ({
  events: lags.reduce((sum, { events }) => sum + events, 0),
  seconds: Math.max(0, ...lags.map(({ seconds }) => seconds)),
})
