/** Metrics with published definitions, counted exactly from events. */
export { analyticsService, analyticsServiceWith } from './analytics.service.js'
