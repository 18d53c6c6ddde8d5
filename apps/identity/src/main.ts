/** The identity service in a process of its own. */
import { runApp } from '@pavan/platform/service/run-app.js'
import { identityService } from '@pavan/identity/identity.service.js'
import { sqliteAdapters } from '@pavan/sqlite'

await runApp({
  services: [identityService],
  adapters: ({ folder, clock, keyIn }) => sqliteAdapters({ folder, clock, claimKey: () => keyIn('claim.key') }),
  keeps: 'folder',
  version: '0.1.0',
})
