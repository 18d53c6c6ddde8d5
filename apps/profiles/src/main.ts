/** The profiles service in a process of its own. */
import { runApp } from '@pavan/platform/service/run-app.js'
import { profilesService } from '@pavan/profiles/profiles.service.js'
import { distributedAdapters } from '@pavan/distributed'

await runApp({
  services: [profilesService],
  adapters: distributedAdapters,
  keeps: 'nothing',
  version: '0.1.0',
})
