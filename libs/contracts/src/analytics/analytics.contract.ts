/** The API of analytics: requests and answers of `/api/v1/analytics`. */
import { z } from 'zod'

const instant = z.number().int().describe('Milliseconds since 1970')

export const intervals = ['hour', 'day', 'week', 'month'] as const
export type Interval = (typeof intervals)[number]
export const dimensions = ['application', 'method', 'outcome', 'reason'] as const
export type Dimension = (typeof dimensions)[number]

export const metric = z.object({
  id: z.string(),
  title: z.string(),
  unit: z.string(),
  definition: z.string().describe('What exactly is counted'),
  timeZone: z.literal('UTC').describe('In which days, weeks and months begin'),
  intervals: z.array(z.enum(intervals)),
  dimensions: z.array(z.enum(dimensions)),
  since: instant.optional().describe('Begin of the first period with a value; absent while there is none'),
})
export const metrics = z.object({ items: z.array(metric) })

const day = z.iso.date({ error: 'must be a date such as 2026-11-24' })
const period = z.object({
  from: day.optional().describe('First day, 29 days before the last one by default'),
  to: day.optional().describe('Last day, today by default'),
})

export const seriesQuery = period.extend({
  metric: z.string().regex(/^[a-z][a-z-]{0,63}$/, { error: 'is not the id of a metric' }),
  interval: z.enum(intervals).default('day'),
  by: z.enum(dimensions).optional().describe('One series for each value of the dimension'),
})
export const seriesAnswer = z.object({
  metric: z.string(),
  unit: z.string(),
  interval: z.enum(intervals),
  timeZone: z.literal('UTC'),
  from: instant.describe('Begin of the first period'),
  to: instant.describe('End of the last period, which does not belong to it any more'),
  by: z.enum(dimensions).optional(),
  series: z.array(
    z.object({
      key: z.string().optional().describe('Value of the dimension; `none` where the event has none'),
      total: z.number().int().optional().describe('Sum of the values; absent for distinct counts, which cannot be added up'),
      points: z.array(z.object({ at: instant.describe('Begin of the period'), value: z.number().int() })),
    }),
  ),
})
export type SeriesAnswer = z.output<typeof seriesAnswer>

export const funnelQuery = period
export const funnelAnswer = z.object({
  definition: z.string(),
  timeZone: z.literal('UTC'),
  from: instant,
  to: instant,
  steps: z.array(
    z.object({
      id: z.enum(['started', 'registered', 'email-verified', 'first-sign-in']),
      title: z.string(),
      count: z.number().int(),
      ofPrevious: z.number().optional().describe('Share of the step before, 0 to 1; absent where that is empty'),
    }),
  ),
})
export type FunnelAnswer = z.output<typeof funnelAnswer>
