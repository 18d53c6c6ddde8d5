/** Identity: people, how they sign in, and the OpenID provider of each tenant. */
import { z } from 'zod'
import { identityEvents } from '@pavan/contracts'
import { defineService, ServiceConfig } from '@pavan/platform/service/define-service.js'
import { OperatorFile } from './client/operator-file.js'
import { findProviderRoute, mountProvider } from './oidc/mount-provider.js'
import { oidcSlice } from './oidc/oidc.slice.js'
import { readForms } from './pages/form-body.js'
import { mountInteractionPages } from './pages/interaction-pages.http.js'
import { peopleSlice } from './people.slice.js'
import { SetUp } from './set-up/set-up.js'
import { TenantDirectory } from './oidc/tenant-directory.js'
import { joinSlices } from './slice.js'

const { config, ...slices } = joinSlices([oidcSlice, peopleSlice])

export const identityService = defineService({
  name: 'identity',
  title: 'Identity',
  ...slices,
  config: z.object(config),
  events: identityEvents,
  routes: ['/api/v1/identity', '/t', '/setup', '/mailbox', '/mailbox.json'],
  rawRoutes: () => import('./api/raw-routes.js').then((routes) => routes.rawRoutes),
  inject: [OperatorFile],
  onReady: (operatorFile: OperatorFile) => operatorFile.ensure(),
  mount: async (fastify, get) => {
    readForms(fastify)
    mountInteractionPages(fastify, get)
    await mountProvider(fastify, get)
  },
  direct: findProviderRoute,
  notices: async (get) => {
    const link = await get(SetUp).atStart()
    const known = await get(TenantDirectory).bySlug('main')
    // Its client comes from another service by an event: at first start it may be a moment away.
    for (let waited = 0; known && !get(OperatorFile).there && waited < 200; waited++) {
      await get(OperatorFile).ensure()
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const { baseUrl } = get(TenantDirectory)
    return [
      ...(link === undefined ? [] : [{ label: 'Set up the first administrator', text: link }]),
      { label: 'Your account', text: `${baseUrl}/t/main/account` },
      ...(get(ServiceConfig).PAVAN_SMTP_URL ? [] : [{ label: 'Mails that would have been sent', text: `${baseUrl}/mailbox` }]),
    ]
  },
})
