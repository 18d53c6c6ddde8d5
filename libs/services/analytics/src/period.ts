/** The days that a request is about. */
import type { Clock } from '@pavan/kernel'
import { day, startOf } from './calendar.js'

export interface Period {
  /** Begin of the first day, milliseconds since 1970. */
  readonly from: number
  /** End of the last day, which does not belong to it any more. */
  readonly to: number
}

/** Thirty days up to today when nothing is said. */
export const periodOf = ({ from, to }: { readonly from?: string; readonly to?: string }, clock: Clock): Period => {
  const end = (to === undefined ? startOf('day', clock.now()) : Date.parse(to)) + day
  return { from: from === undefined ? end - 30 * day : Date.parse(from), to: end }
}
