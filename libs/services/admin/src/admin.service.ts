import { adminEvents } from '@pavan/contracts'
import { defineService, ServiceConfig } from '@pavan/platform/service/define-service.js'
import { Ids } from '@pavan/platform/service/ids.js'
import { AdminAggregates } from './admin-aggregates.js'
import { adminProblems } from './admin.problems.js'
import { ApplicationController } from './application/application.http.js'
import { applicationsView } from './application/applications.view.js'
import { deleteClients } from './application/delete-clients.reaction.js'
import { ClientController } from './client/client.http.js'
import { clientsView } from './client/clients.view.js'
import { leaveOrganizations } from './organization/leave-organizations.reaction.js'
import { OrganizationController } from './organization/organization.http.js'
import { organizationsView } from './organization/organizations.view.js'
import { SettingsController } from './settings/settings.http.js'
import { furnishInstallation } from './tenant/furnish-tenant.js'
import { furnishTenants } from './tenant/furnish-tenants.reaction.js'
import { TenantController } from './tenant/tenant.http.js'
import { tenantsView } from './tenant/tenants.view.js'

export const adminService = defineService({
  name: 'admin',
  title: 'Administration',
  controllers: [TenantController, SettingsController, OrganizationController, ApplicationController, ClientController],
  providers: [AdminAggregates],
  views: [tenantsView, organizationsView, applicationsView, clientsView],
  reactions: [furnishTenants, deleteClients, leaveOrganizations],
  events: adminEvents,
  problems: adminProblems,
  routes: ['/api/v1/admin'],
  inject: [AdminAggregates, Ids, ServiceConfig],
  onReady: (admin: AdminAggregates, ids: Ids, config: ServiceConfig) => furnishInstallation(admin, ids, config.PAVAN_URL),
})
