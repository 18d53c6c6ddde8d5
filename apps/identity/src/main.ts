/** The identity service in a process of its own. */
import { runApp } from '@pavan/platform/service/run-app.js'
import { identityService } from '@pavan/identity/identity.service.js'
import { distributedAdapters } from '@pavan/distributed'

await runApp({
  services: [identityService],
  adapters: distributedAdapters,
  keeps: 'nothing',
  version: '0.1.0',
})
