/** The authorization service in a process of its own. */
import { runApp } from '@pavan/platform/service/run-app.js'
import { authorizationService } from '@pavan/authorization/authorization.service.js'
import { sqliteAdapters } from '@pavan/sqlite'

await runApp({
  services: [authorizationService],
  adapters: ({ folder, clock, keyIn }) => sqliteAdapters({ folder, clock, claimKey: () => keyIn('claim.key') }),
  keeps: 'folder',
  version: '0.1.0',
})
