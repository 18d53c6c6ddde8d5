/** The analytics service in a process of its own. */
import { runApp } from '@pavan/platform/service/run-app.js'
import { analyticsService } from '@pavan/analytics/analytics.service.js'
import { distributedAdapters } from '@pavan/distributed'

await runApp({
  services: [analyticsService],
  adapters: distributedAdapters,
  keeps: 'nothing',
  version: '0.1.0',
})
