/** The admin service in a process of its own. */
import { runApp } from '@pavan/platform/service/run-app.js'
import { adminService } from '@pavan/admin/admin.service.js'
import { distributedAdapters } from '@pavan/distributed'

await runApp({
  services: [adminService],
  adapters: distributedAdapters,
  keeps: 'nothing',
  version: '0.1.0',
})
