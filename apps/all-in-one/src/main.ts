/** The whole system in one process on an embedded store: what `npm start` runs. */
import { adminService } from '@pavan/admin/admin.service.js'
import { analyticsService } from '@pavan/analytics/analytics.service.js'
import { auditService } from '@pavan/audit/audit.service.js'
import { authorizationService } from '@pavan/authorization/authorization.service.js'
import { gatewayService } from '@pavan/gateway/gateway.service.js'
import { identityService } from '@pavan/identity/identity.service.js'
import { runApp } from '@pavan/platform/service/run-app.js'
import { profilesService } from '@pavan/profiles/profiles.service.js'
import { sqliteAdapters } from '@pavan/sqlite'

await runApp({
  services: [adminService, identityService, authorizationService, profilesService, auditService, analyticsService, gatewayService],
  adapters: ({ folder, clock, keyIn }) => sqliteAdapters({ folder, clock, claimKey: () => keyIn('claim.key') }),
  keeps: 'folder',
  version: '0.1.0',
})
