/** The audit service in a process of its own. */
import { runApp } from '@pavan/platform/service/run-app.js'
import { auditService } from '@pavan/audit/audit.service.js'
import { distributedAdapters } from '@pavan/distributed'

await runApp({
  services: [auditService],
  adapters: distributedAdapters,
  keeps: 'nothing',
  version: '0.1.0',
})
