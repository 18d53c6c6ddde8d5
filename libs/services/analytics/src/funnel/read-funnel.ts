/** Adds up the days of the funnel. */
import { RefusalError } from '@pavan/kernel'
import type { FunnelAnswer } from '@pavan/contracts/analytics/analytics.contract.js'
import type { Rows } from '@pavan/platform/views/rows.js'
import { day } from '../calendar.js'
import type { Period } from '../period.js'
import { funnel } from './registration-funnel.view.js'

const mostDays = 800

const definition =
  'Started: how often the sign-up form was opened on the days, by anybody. The other steps count people by the day of their registration, whenever they took the step: ' +
  'registered, proved their e-mail address (or came with a proven one), signed in for the first time. People who were erased later stay counted.'

const steps = [
  ['started', 'started', 'Opened the form'],
  ['registered', 'registered', 'Registered'],
  ['email-verified', 'verified', 'Verified the e-mail address'],
  ['first-sign-in', 'signedIn', 'Signed in for the first time'],
] as const

export const readFunnel = async (rows: Rows, tenant: string, { from, to }: Period): Promise<FunnelAnswer> => {
  if (from >= to) throw new RefusalError('analytics.series.period-empty')
  if ((to - from) / day > mostDays) throw new RefusalError('analytics.series.too-long', { most: mostDays })
  const counts = steps.map(() => 0)
  let cursor: string | undefined
  do {
    const page = await rows.find(funnel, { index: 'byTime', where: { tenant }, range: { gte: from, lt: to }, limit: 1000, cursor })
    for (const row of page.items) for (const [i, [, field]] of steps.entries()) counts[i] = (counts[i] ?? 0) + row[field]
    cursor = page.next
  } while (cursor)
  return {
    definition,
    timeZone: 'UTC',
    from,
    to,
    steps: steps.map(([id, , title], index) => {
      const count = counts[index] ?? 0
      const previous = counts[index - 1]
      // Accounts also come to be without the form, so a step can be larger than the one before: its share says nothing then.
      return { id, title, count, ofPrevious: previous && previous >= count ? count / previous : undefined }
    }),
  }
}
