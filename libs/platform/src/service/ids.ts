import { makeId, type Clock, type IdKind } from '@pavan/kernel'
import { fillRandom } from './random-pool.js'

/** Makes ids from the clock and the machine's randomness. */
export class Ids {
  constructor(private readonly clock: Clock) {}

  make(kind: IdKind): string {
    return makeId(kind, this.clock.now(), fillRandom)
  }
}
