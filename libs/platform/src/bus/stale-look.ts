/** Changes that follow from rows as they were read, where another copy may write the same rows. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Look, Rows } from '../views/rows.js'

/** A row was changed by another copy after it was read: the changes are worked out once more. */
export class StaleLook extends Error {
  override readonly name = 'StaleLook'
  constructor() {
    super('another copy changed rows that were read')
  }
}

/** So often, before it is left to the caller. */
const tries = 8

/** Works from a quick look, and from sure ones where that was not right any more. Throws `StaleLook` where it never was. */
export const fromLook = async (rows: Rows, work: (look: Look) => Promise<void>): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(rows.look({ sure: attempt > 1 }))
    } catch (error) {
      if (!(error instanceof StaleLook) || attempt === tries) throw error
      // Two copies that want the same row do not run in step.
      if (attempt > 1) await pause(Math.random() * 10 * attempt)
    }
  }
}
