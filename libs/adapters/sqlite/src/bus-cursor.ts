/** Delivery of one partition to one group: one batch at a time, in order, again and again until it is resolved. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Subscription } from '@pavan/platform/bus/bus.js'
import type { BusLog } from './bus-log.js'

export interface BusCursorOptions {
  readonly log: BusLog
  readonly group: string
  readonly context: string
  readonly p: number
  /** Where the group says that it stands; without it the bus remembers. */
  readonly from: number | undefined
}

const largestBatch = 500
const firstPauseMillis = 50
const longestPauseMillis = 5_000

export class BusCursor {
  readonly context: string
  readonly p: number
  readonly #options: BusCursorOptions
  /** Members of the group share the work: the first takes the next batch, and goes to the end of the line. */
  readonly #members: Subscription[] = []
  #position: number
  #running: Promise<void> | undefined
  #current: Subscription | undefined
  #failures = 0
  #woken = false
  /** Beginning of the last batch, in milliseconds of the monotonic clock. */
  #began = -Infinity
  /** The last batch was a full one, so that there may be a whole history behind it. */
  #more = false
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: BusCursorOptions) {
    this.#options = options
    this.context = options.context
    this.p = options.p
    this.#position = options.from ?? options.log.resolved(options.group, options)
  }

  join(member: Subscription): void {
    if (!this.#members.includes(member)) this.#members.push(member)
    this.wake()
  }

  /** Resolves when the member has finished its batch; answers whether nobody is left. */
  async leave(member: Subscription): Promise<boolean> {
    const at = this.#members.indexOf(member)
    if (at >= 0) this.#members.splice(at, 1)
    if (this.#members.length === 0) await this.close()
    else while (this.#current === member) await new Promise<void>((resolve) => setImmediate(resolve))
    return this.#members.length === 0
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#running
  }

  wake(): void {
    this.#woken = true
    if (this.#closed || this.#running || this.#timer) return
    this.#pass()
    if (!this.#woken) return
    this.#running = this.#deliver().finally(() => {
      this.#running = undefined
      // Woken after its last look and before its end.
      if (this.#woken) this.wake()
    })
  }

  /** Goes on while nothing is the group's business; stays woken where something is. */
  #pass(): void {
    const { log, context, p, from } = this.#options
    const [member] = this.#members
    if (!member?.pass || from === undefined) return
    for (;;) {
      const events = log.read(context, p, this.#position, largestBatch)
      const last = events.at(-1)
      if (last && !member.pass({ context, p, events })) return
      if (last) this.#position = last.position.seq
      else {
        this.#woken = false
        return
      }
    }
  }

  async #deliver(): Promise<void> {
    const { log, group, context, p, from } = this.#options
    while (!this.#closed) {
      const member = this.#members.shift()
      if (!member) return
      this.#members.push(member)
      if (member.interval && !this.#more && this.#waits(member.interval)) return
      this.#current = member
      try {
        this.#woken = false
        const atOnce = Math.min(largestBatch, member.atOnce?.() ?? largestBatch)
        const events = log.read(context, p, this.#position, atOnce)
        const last = events.at(-1)
        if (!last) return
        this.#began = performance.now()
        this.#more = events.length === atOnce
        await member.handle({ context, p, events })
        if (from === undefined) await log.resolve(group, this.#options, last.position.seq)
        this.#position = last.position.seq
        this.#failures = 0
        // Who takes few at once lets others go first, also where its commits leave no turn of the event loop in between.
        if (atOnce < largestBatch) await turn()
      } catch {
        this.#pause()
        return
      } finally {
        this.#current = undefined
      }
    }
  }

  /**
   * Whether it is too early for the next batch; comes again when it is time. Intervals are counted from one moment, so that consumers with the
   * same one come together and share a commit.
   */
  #waits(interval: number): boolean {
    const millis = (Math.floor(this.#began / interval) + 1) * interval - performance.now()
    if (millis <= 0) return false
    this.#comeBack(millis)
    return true
  }

  /** The consumer says in its own log why it rejected; the bus only comes again. */
  #pause(): void {
    if (!this.#closed) this.#comeBack(Math.min(longestPauseMillis, firstPauseMillis * 2 ** this.#failures++))
  }

  #comeBack(millis: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.wake()
    }, millis).unref()
  }
}
