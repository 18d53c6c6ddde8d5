import type { ProblemList } from '@pavan/contracts'

/** Every refusal of the admin service. */
export const adminProblems = {
  'admin.tenant.exists': { status: 409, title: 'The tenant exists already', detail: 'Choose another id.' },
  'admin.tenant.slug-taken': { status: 409, title: 'The slug is taken', detail: 'Another tenant of this installation has it. Choose another one.' },
  'admin.tenant.not-found': { status: 404, title: 'There is no such tenant', detail: 'Check the id.' },
  'admin.settings.version-not-found': { status: 404, title: 'There is no such version', detail: 'See the history for the versions that exist.' },
  'admin.organization.exists': { status: 409, title: 'The organization exists already', detail: 'Choose another id.' },
  'admin.organization.slug-taken': { status: 409, title: 'The slug is taken', detail: 'Another organization of the tenant has it. Choose another one.' },
  'admin.organization.not-found': { status: 404, title: 'There is no such organization', detail: 'Check the id. It may have been deleted.' },
  'admin.application.exists': { status: 409, title: 'The application exists already', detail: 'Choose another id.' },
  'admin.application.not-found': { status: 404, title: 'There is no such application', detail: 'Check the id. It may have been deleted.' },
  'admin.client.exists': { status: 409, title: 'The client exists already', detail: 'Choose another id.' },
  'admin.client.not-found': { status: 404, title: 'There is no such client', detail: 'Check the id. It may have been deleted.' },
  'admin.client.kind-fixed': { status: 409, title: 'The kind of a client cannot change', detail: 'Register a new client of the other kind.' },
  'admin.client.invalid': { status: 400, title: 'The settings do not fit the kind of client', detail: '{field}: {detail}' },
} as const satisfies ProblemList
