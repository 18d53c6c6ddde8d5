/** Hours, days, ISO weeks (they begin on Monday) and months in UTC. Instants are milliseconds since 1970. */
import type { Interval } from '@pavan/contracts/analytics/analytics.contract.js'

const hour = 3_600_000
export const day = 86_400_000
/** 1970-01-05, the first Monday. */
const firstMonday = 4 * day

/** Begin of the period that an instant lies in. */
export const startOf = (interval: Interval, at: number): number => {
  switch (interval) {
    case 'hour':
      return Math.floor(at / hour) * hour
    case 'day':
      return Math.floor(at / day) * day
    case 'week':
      return Math.floor((at - firstMonday) / (7 * day)) * 7 * day + firstMonday
    case 'month': {
      const date = new Date(at)
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
    }
  }
}

/** Begin of the period after the one that an instant lies in. */
export const endOf = (interval: Interval, at: number): number => {
  const start = startOf(interval, at)
  switch (interval) {
    case 'hour':
      return start + hour
    case 'day':
      return start + day
    case 'week':
      return start + 7 * day
    case 'month': {
      const date = new Date(start)
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
    }
  }
}

/** Begins of all periods from the one that `from` lies in up to `to`, which does not belong to them. */
export const periods = (interval: Interval, from: number, to: number): number[] => {
  const starts: number[] = []
  for (let at = startOf(interval, from); at < to; at = endOf(interval, at)) starts.push(at)
  return starts
}
