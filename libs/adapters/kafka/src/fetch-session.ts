/**
 * A fetch session (KIP-227): the broker remembers which partitions are read and from where. Only what has changed is asked for, and only what has news
 * is answered; without one every fetch names every partition, which is most of its cost where many partitions are quiet.
 */
import type { FetchAnswer, SessionFetch } from './kafkajs-internals.js'

/** From where a partition is read. */
export interface Place {
  readonly topic: string
  readonly partition: number
  /** Offset of the next record that is wanted. */
  readonly end: number
}

/** FETCH_SESSION_ID_NOT_FOUND and INVALID_FETCH_SESSION_EPOCH: the broker was restarted, or has given the session's place to another. */
const unknownSession = new Set([70, 71])
const lastEpoch = 2 ** 31 - 1

export class FetchSession {
  /** 0: there is none yet, and the next fetch asks for one by naming everything. */
  #id = 0
  #epoch = 0
  /** What the broker has been told, by topic and partition. */
  #told = new Map<string, Place>()

  /** Whatever was under way may or may not have reached the broker: the next fetch begins a new session. */
  begin(): void {
    this.#id = 0
    this.#epoch = 0
    this.#told.clear()
  }

  /** What the next fetch says so that exactly these places are read. */
  next(places: readonly Place[]): SessionFetch {
    const wanted = new Map(places.map(({ topic, partition, end }) => [`${topic}:${partition}`, { topic, partition, end }]))
    const changed = [...wanted].filter(([key, { end }]) => this.#told.get(key)?.end !== end).map(([, place]) => place)
    const gone = [...this.#told].filter(([key]) => !wanted.has(key)).map(([, place]) => place)
    this.#told = wanted
    return {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      topics: byTopic(changed, ({ partition, end }) => ({ partition, fetchOffset: String(end) })),
      forgottenTopics: byTopic(gone, ({ partition }) => partition),
    }
  }

  /** Reads off an answer how to go on; false: it says nothing but that the session is over. */
  goesOn({ errorCode = 0, sessionId = 0 }: Pick<FetchAnswer, 'errorCode' | 'sessionId'>): boolean {
    if (unknownSession.has(errorCode)) {
      this.begin()
      return false
    }
    if (errorCode !== 0) throw new Error(`the broker refuses to be fetched from (error ${errorCode})`)
    // A broker that has no room for one answers as if sessions did not exist.
    if (sessionId === 0) this.begin()
    else {
      this.#id = sessionId
      this.#epoch = this.#epoch === lastEpoch ? 1 : this.#epoch + 1
    }
    return true
  }
}

const byTopic = <T>(places: readonly Place[], make: (place: Place) => T): { topic: string; partitions: T[] }[] =>
  [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, some]) => ({ topic, partitions: some.map(make) }))
