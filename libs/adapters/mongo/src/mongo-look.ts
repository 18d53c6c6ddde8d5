/**
 * The documents that a consumer has read to work out a change. The change begins with them and is conditional on them, which spares it a look of its own
 * and keeps it from undoing what another copy has written meanwhile.
 */
import type { Clock } from '@pavan/kernel'
import type { Look, TableDefinition } from '@pavan/platform/views/rows.js'
import { idOf } from './ordered-text.js'
import { liveJson, shapeOf, type RowDoc, type RowShape } from './row-shape.js'

/** Where a document lies, and as what; without one there was none. */
export interface Place {
  readonly shape: RowShape
  readonly id: string
  readonly doc: RowDoc | undefined
}

/** As it was read; `sure` unless it is what this process remembers to have written. */
export interface Seen extends Place {
  readonly sure: boolean
}

export class MongoLook implements Look {
  /** By collection and id. */
  readonly #seen = new Map<string, Seen>()
  /** Some of it is remembered, and may be of a moment ago. */
  guessed = false

  constructor(
    /** Nothing is to be remembered instead of read. */
    readonly sure: boolean,
    private readonly clock: Clock,
    private readonly read: (shape: RowShape, id: string) => Promise<Seen>,
  ) {}

  get used(): boolean {
    return this.#seen.size > 0
  }

  async get<R extends object>(table: TableDefinition<R>, key: string): Promise<R | undefined> {
    const shape = shapeOf(table)
    const id = idOf(key)
    const seen = this.of(shape, id) ?? this.#note(await this.read(shape, id))
    const json = liveJson(seen.doc, this.clock.now())
    return json === undefined ? undefined : (JSON.parse(json) as R)
  }

  of(shape: RowShape, id: string): Seen | undefined {
    return this.#seen.get(nameOf(shape, id))
  }

  /** Remembered documents that a change followed from without writing them. */
  guessesBeside(writes: readonly Place[]): Place[] {
    if (!this.guessed) return []
    const written = new Set(writes.map(({ shape, id }) => nameOf(shape, id)))
    return [...this.#seen].flatMap(([name, seen]) => (seen.sure || written.has(name) ? [] : [seen]))
  }

  /** What was read first stays, where it is asked for twice at once. */
  #note(seen: Seen): Seen {
    const name = nameOf(seen.shape, seen.id)
    const known = this.#seen.get(name)
    if (known) return known
    this.#seen.set(name, seen)
    if (!seen.sure) this.guessed = true
    return seen
  }
}

const nameOf = ({ collection }: RowShape, id: string): string => `${collection}/${id}`
