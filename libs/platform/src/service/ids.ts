import { getRandomValues } from 'node:crypto'
import { makeId, type Clock, type IdKind } from '@pavan/kernel'

/** Makes ids from the clock and the machine's randomness. */
export class Ids {
  constructor(private readonly clock: Clock) {}

  make(kind: IdKind): string {
    return makeId(kind, this.clock.now(), (into) => getRandomValues(into))
  }
}
