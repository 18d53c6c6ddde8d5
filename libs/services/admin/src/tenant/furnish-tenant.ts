/** What a tenant begins with, so that somebody can manage it. Made as often as asked, it is there once. */
import { everywhere, orThrow, type EventMeta } from '@pavan/kernel'
import { clientSettings, type ClientSettings } from '@pavan/contracts'
import { clientIssues } from '@pavan/contracts/admin/client-rules.js'
import type { Ids } from '@pavan/platform/service/ids.js'
import type { AdminAggregates } from '../admin-aggregates.js'

/** Slug of the tenant from which the installation is run. */
export const firstTenant = 'main'
/** Id of the application and of the machine client that a new tenant begins with. */
export const management = 'management'

const machine = (name: string): ClientSettings => clientSettings.parse({ name, kind: 'machine', grantTypes: ['client_credentials'], firstParty: true })
const callback = '/console/callback'

const consoleSettings = (baseUrl: string): ClientSettings => {
  const settings = clientSettings.parse({
    name: 'Console',
    kind: 'spa',
    grantTypes: ['authorization_code', 'refresh_token'],
    redirectUris: [`${baseUrl}${callback}`],
    postLogoutRedirectUris: [`${baseUrl}/console`],
    allowedOrigins: [new URL(baseUrl).origin],
    firstParty: true,
  })
  // Over plain http a browser may come back to the machine itself only.
  return clientIssues(settings).length === 0 ? settings : consoleSettings('http://localhost:8080')
}

/** The application `Management` and its machine client, which may do everything in the tenant. Answers the position after them. */
export const furnishTenant = async (admin: AdminAggregates, tenant: string, meta: EventMeta): Promise<string> => {
  orThrow(await admin.applications.handle({ tenant, id: management, meta }, { type: 'create', name: 'Management' }))
  const settings = machine('Management')
  return orThrow(
    await admin.clients.handle({ tenant, id: management, meta }, { type: 'register', application: management, settings, roles: ['administrator'] }),
  ).position
}

const pavan = 'pavan'

/** The first tenant with the clients of the console and of whoever runs the installation. Done at every start. */
export const furnishInstallation = async (admin: AdminAggregates, ids: Ids, baseUrl: string): Promise<void> => {
  const meta: EventMeta = { actor: { type: 'system', id: 'admin' }, reason: 'first start' }
  const found = await admin.tenants.owner(everywhere, 'tenant-slug', firstTenant)
  const tenant = found ?? ids.make('tenant')
  const created = await admin.tenants.handle({ tenant, id: tenant, meta }, { type: 'create', slug: firstTenant, name: 'Pavan' })
  if ('refused' in created) {
    // Another copy of the service was faster: it took the slug.
    if (created.code === 'admin.tenant.slug-taken') return furnishInstallation(admin, ids, baseUrl)
    orThrow(created)
  }
  const make = async (id: string, settings: ClientSettings, roles?: readonly string[]): Promise<void> => {
    const { state } = await admin.clients.load(tenant, id)
    if (state.phase === 'none') orThrow(await admin.clients.handle({ tenant, id, meta }, { type: 'register', application: pavan, settings, roles }))
  }
  const { state: application } = await admin.applications.load(tenant, pavan)
  if (application.phase === 'deleted') return
  orThrow(
    await admin.applications.handle(
      { tenant, id: pavan, meta },
      { type: 'create', name: application.phase === 'none' ? 'Pavan' : application.name, description: application.description },
    ),
  )
  await make('console', consoleSettings(baseUrl))
  await make('operator', machine('Operator'), ['operator', 'administrator'])
  await moveConsole(admin, tenant, baseUrl, meta)
}

/** The console comes back to where the installation is reached now; what administrators added stays. */
const moveConsole = async (admin: AdminAggregates, tenant: string, baseUrl: string, meta: EventMeta): Promise<void> => {
  const { state } = await admin.clients.load(tenant, 'console')
  const { settings } = state
  if (state.phase !== 'active' || !settings) return
  const wanted = consoleSettings(baseUrl)
  if (settings.redirectUris.includes(wanted.redirectUris[0] as string)) return
  const next: ClientSettings = {
    ...settings,
    redirectUris: [...settings.redirectUris.filter((uri) => !uri.endsWith(callback)), ...wanted.redirectUris],
    postLogoutRedirectUris: [...settings.postLogoutRedirectUris.filter((uri) => !uri.endsWith('/console')), ...wanted.postLogoutRedirectUris],
    allowedOrigins: [...new Set([...settings.allowedOrigins.filter((origin) => !isOwn(origin, settings)), ...wanted.allowedOrigins])],
  }
  orThrow(await admin.clients.handle({ tenant, id: 'console', meta: { ...meta, reason: 'base URL changed' } }, { type: 'replace', settings: next }))
}

const isOwn = (origin: string, settings: ClientSettings): boolean => settings.redirectUris.some((uri) => uri === `${origin}${callback}`)
