/** The profiles service in a process of its own. */
import { runApp } from '@pavan/platform/service/run-app.js'
import { profilesService } from '@pavan/profiles/profiles.service.js'
import { sqliteAdapters } from '@pavan/sqlite'

await runApp({
  services: [profilesService],
  adapters: ({ folder, clock, keyIn }) => sqliteAdapters({ folder, clock, claimKey: () => keyIn('claim.key') }),
  keeps: 'folder',
  version: '0.1.0',
})
