/** The gateway service in a process of its own. */
import { runApp } from '@pavan/platform/service/run-app.js'
import { gatewayService } from '@pavan/gateway/gateway.service.js'
import { distributedAdapters } from '@pavan/distributed'

await runApp({
  services: [gatewayService],
  adapters: distributedAdapters,
  keeps: 'nothing',
  version: '0.1.0',
})
