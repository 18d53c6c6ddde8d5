/** The analytics service in a process of its own. */
import { runApp } from '@pavan/platform/service/run-app.js'
import { analyticsService } from '@pavan/analytics/analytics.service.js'
import { sqliteAdapters } from '@pavan/sqlite'

await runApp({
  services: [analyticsService],
  adapters: ({ folder, clock, keyIn }) => sqliteAdapters({ folder, clock, claimKey: () => keyIn('claim.key') }),
  keeps: 'folder',
  version: '0.1.0',
})
