/** Published metrics, their series, and the funnel of registration. */
import { Controller, Get, Inject, Query } from '@nestjs/common'
import { Clock, RefusalError } from '@pavan/kernel'
import {
  funnelAnswer,
  funnelQuery,
  metrics,
  seriesAnswer,
  seriesQuery,
  type FunnelAnswer,
  type SeriesAnswer,
} from '@pavan/contracts/analytics/analytics.contract.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { Rows } from '@pavan/platform/views/rows.js'
import type { z } from 'zod'
import { readFunnel } from '../funnel/read-funnel.js'
import { MetricCatalogue } from '../metrics/metric-catalogue.js'
import { periodOf } from '../period.js'
import { readSeries } from './series-reader.js'

const at = Date.UTC(2026, 10, 24)
const metricExample = {
  id: 'sign-ups',
  title: 'Sign-ups',
  unit: 'accounts',
  definition: 'Accounts that came to be, however they did.',
  timeZone: 'UTC',
  intervals: ['hour', 'day', 'week', 'month'],
  dimensions: ['method'],
  since: at,
}
const seriesExample = {
  metric: 'sign-ups',
  unit: 'accounts',
  interval: 'day',
  timeZone: 'UTC',
  from: at,
  to: at + 86_400_000,
  series: [{ total: 3, points: [{ at, value: 3 }] }],
}
const funnelExample = {
  definition: 'People by the day of their registration.',
  timeZone: 'UTC',
  from: at,
  to: at + 86_400_000,
  steps: [
    { id: 'started', title: 'Opened the form', count: 4 },
    { id: 'registered', title: 'Registered', count: 3, ofPrevious: 0.75 },
  ],
}

@Controller('/api/v1/analytics')
@Requires('read', 'analytics')
export class AnalyticsController {
  constructor(
    @Inject(MetricCatalogue) private readonly catalogue: MetricCatalogue,
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Get('metrics')
  @Answers(200, metrics, { summary: 'List the metrics', description: 'What each of them counts, exactly.', example: { items: [metricExample] } })
  async metrics(@Caller() { tenant }: CallerIdentity) {
    const items = this.catalogue.all.map(async (metric) => {
      const { id, title, unit, definition, intervals, dimensions } = metric
      return { id, title, unit, definition, timeZone: 'UTC' as const, intervals, dimensions, since: await metric.since(this.rows, tenant) }
    })
    return { items: await Promise.all(items) }
  }

  @Get('series')
  @Answers(200, seriesAnswer, {
    summary: 'Read a metric over time',
    description: 'One point for each period, also where nothing happened.',
    example: seriesExample,
  })
  @Refuses(
    'analytics.metric.not-found',
    'analytics.series.interval-unknown',
    'analytics.series.dimension-unknown',
    'analytics.series.too-long',
    'analytics.series.period-empty',
  )
  async series(@Caller() { tenant }: CallerIdentity, @Query({ schema: seriesQuery }) query: z.output<typeof seriesQuery>): Promise<SeriesAnswer> {
    const metric = this.catalogue.all.find(({ id }) => id === query.metric)
    if (!metric) throw new RefusalError('analytics.metric.not-found')
    const { interval, by } = query
    return readSeries(this.rows, metric, { tenant, interval, by, ...periodOf(query, this.clock) })
  }

  @Get('funnel')
  @Answers(200, funnelAnswer, { summary: 'Read the funnel of registration', example: funnelExample })
  @Refuses('analytics.series.too-long', 'analytics.series.period-empty')
  async funnel(@Caller() { tenant }: CallerIdentity, @Query({ schema: funnelQuery }) query: z.output<typeof funnelQuery>): Promise<FunnelAnswer> {
    return readFunnel(this.rows, tenant, periodOf(query, this.clock))
  }
}
