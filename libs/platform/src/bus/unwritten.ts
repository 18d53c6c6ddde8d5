/** What follows from the events of a batch and is not written yet: most of a batch is one commit. */
import type { StoredEvent } from '../events/event-store.js'
import type { Changes } from '../views/define-view.js'
import type { Look, RowChange } from '../views/rows.js'

/** What an event finds that comes after them. */
export interface Unwritten {
  readonly changes: Changes
  /** Reads from which further changes follow: another look once the changes are written. */
  readonly look: Look
  /** Writes the changes of the events before this one. */
  flush(): Promise<void>
}

interface Write {
  readonly to: number
  /** Whether one of the events was the consumer's business. */
  readonly concerned: boolean
  /** Through which the rows were read. */
  readonly look: Look
}

export class UnwrittenEvents implements Unwritten {
  #changes: RowChange<any>[] = []
  #upTo: number
  #concerned = false
  #flushed: Promise<void> | undefined

  constructor(
    private done: number,
    public look: Look,
    /** Answers the look for what comes after. */
    private readonly save: (changes: Changes, write: Write) => Promise<Look>,
  ) {
    this.#upTo = done
  }

  get changes(): Changes {
    return this.#changes
  }

  /** Last sequence number that is written. */
  get written(): number {
    return this.done
  }

  /** Last sequence number of which the changes are here. */
  get upTo(): number {
    return this.#upTo
  }

  /** Adds what an event changes; undefined where it is none of the consumer's business. */
  add(event: StoredEvent, changes: Changes | undefined): void {
    if (changes !== undefined) {
      this.#changes.push(...changes)
      this.#concerned = true
    }
    this.#upTo = event.position.seq
    this.#flushed = undefined
  }

  /** One write, however often an event asks for it. */
  flush(): Promise<void> {
    return (this.#flushed ??= this.write())
  }

  /** Throws what the write threw that the event at work has asked for. */
  async flushed(): Promise<void> {
    await this.#flushed
  }

  async write(): Promise<void> {
    if (this.#upTo === this.done) return
    this.look = await this.save(this.#changes, { to: this.#upTo, concerned: this.#concerned, look: this.look })
    this.#changes = []
    this.#concerned = false
    this.done = this.#upTo
  }
}
