/** The aggregates of the admin service, ready for commands. */
import { Inject, Injectable } from '@nestjs/common'
import {
  applicationCreated,
  applicationDeleted,
  applicationUpdated,
  clientDeleted,
  clientRegistered,
  clientUpdated,
  memberAdded,
  memberRemoved,
  organizationCreated,
  organizationDeleted,
  organizationRenamed,
  tenantCreated,
  tenantRenamed,
  tenantSettingsSet,
} from '@pavan/contracts'
import { Aggregates } from '@pavan/platform/events/aggregates.js'
import { application } from './application/application.decider.js'
import { client } from './client/client.decider.js'
import { organization } from './organization/organization.decider.js'
import { settingsDecider } from './settings/tenant-settings.decider.js'
import { tenant } from './tenant/tenant.decider.js'

@Injectable()
export class AdminAggregates {
  readonly tenants
  readonly settings
  readonly organizations
  readonly applications
  readonly clients

  constructor(@Inject(Aggregates) aggregates: Aggregates) {
    this.tenants = aggregates.of(tenant, { events: [tenantCreated, tenantRenamed], claimTaken: { 'tenant-slug': 'admin.tenant.slug-taken' } })
    this.settings = aggregates.of(settingsDecider, { events: [tenantSettingsSet] })
    this.organizations = aggregates.of(organization, {
      events: [organizationCreated, organizationRenamed, organizationDeleted, memberAdded, memberRemoved],
      claimTaken: { 'organization-slug': 'admin.organization.slug-taken' },
    })
    this.applications = aggregates.of(application, { events: [applicationCreated, applicationUpdated, applicationDeleted] })
    this.clients = aggregates.of(client, { events: [clientRegistered, clientUpdated, clientDeleted] })
  }
}
