/** The authorization service in a process of its own. */
import { runApp } from '@pavan/platform/service/run-app.js'
import { authorizationService } from '@pavan/authorization/authorization.service.js'
import { distributedAdapters } from '@pavan/distributed'

await runApp({
  services: [authorizationService],
  adapters: distributedAdapters,
  keeps: 'nothing',
  version: '0.1.0',
})
