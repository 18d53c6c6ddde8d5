import type { ProblemList } from '@pavan/contracts'

/** Every refusal of the analytics service. */
export const analyticsProblems = {
  'analytics.metric.not-found': { status: 404, title: 'There is no such metric', detail: 'See /api/v1/analytics/metrics for those that exist.' },
  'analytics.series.interval-unknown': { status: 400, title: 'The metric has no such interval', detail: '{metric} is counted by: {offered}.' },
  'analytics.series.dimension-unknown': { status: 400, title: 'The metric has no such dimension', detail: '{metric} is told apart by: {offered}.' },
  'analytics.series.too-long': { status: 400, title: 'The period is too long', detail: 'Ask for at most {most} points.' },
  'analytics.series.period-empty': { status: 400, title: 'The period is empty', detail: 'The first day must not come after the last one.' },
} as const satisfies ProblemList
