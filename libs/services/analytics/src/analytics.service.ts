import { defineService, type ServiceDefinition } from '@pavan/platform/service/define-service.js'
import { analyticsProblems } from './analytics.problems.js'
import { funnelView } from './funnel/registration-funnel.view.js'
import { catalogue } from './metrics/catalogue.js'
import { MetricCatalogue } from './metrics/metric-catalogue.js'
import type { Metric } from './metrics/metric.js'
import { AnalyticsController } from './series/analytics.http.js'

/** The service with the metrics given. */
export const analyticsServiceWith = (metrics: readonly Metric[]): ServiceDefinition =>
  defineService({
    name: 'analytics',
    title: 'Analytics',
    controllers: [AnalyticsController],
    providers: [{ provide: MetricCatalogue, useValue: new MetricCatalogue(metrics) }],
    views: [...metrics.map(({ view }) => view), funnelView],
    events: [],
    problems: analyticsProblems,
    routes: ['/api/v1/analytics'],
  })

export const analyticsService = analyticsServiceWith(catalogue)
